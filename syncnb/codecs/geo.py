"""A GeoDataFrame as an Arrow table: geometries as WKB, described as GeoParquet says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from syncnb.codecs.exact import pack, unpack
from syncnb.codecs.tables import refused

if TYPE_CHECKING:
    import geopandas as gpd
    import pyarrow as pa

_GEO = b"geo"
_CRS84 = "OGC:CRS84"  # what a file means that names no reference system


def pack_geo(frame: gpd.GeoDataFrame) -> pa.Table:
    """The table.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        With at least one column of geometries.

    Raises
    ------
    ModelError
        It has no geometry, or something of it cannot be carried exactly.

    Notes
    -----
    GeoParquet 1.0.0, "File metadata" and "Column metadata".

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point
    >>> frame = gpd.GeoDataFrame({"a": [1]}, geometry=[Point(1, 2)], crs="EPSG:4326")
    >>> unpack_geo(pack_geo(frame)).crs == frame.crs
    True
    """
    import pandas as pd

    places = [i for i, dtype in enumerate(frame.dtypes) if str(dtype) == "geometry"]
    if not places:
        raise refused(frame, "it has no geometry", "make a pandas.DataFrame of it")
    plain = pd.DataFrame(frame)
    for i in places:
        plain.isetitem(i, frame.iloc[:, i].to_wkb(flavor="iso"))
    table = pack(plain)
    columns = {table.column_names[i]: _described(frame.iloc[:, i]) for i in places}
    names = list(frame.columns)
    active = frame.active_geometry_name
    primary = places[0] if active is None else names.index(active)
    geo = {
        "version": "1.0.0",
        "primary_column": table.column_names[primary],
        "columns": columns,
        "syncnb": {"active": active is not None},
    }
    return table.replace_schema_metadata({**table.schema.metadata, _GEO: json.dumps(geo).encode()})


def unpack_geo(table: pa.Table) -> gpd.GeoDataFrame:
    """The frame of a table, also of a GeoParquet file by others, if its geometries are WKB.

    Raises
    ------
    ValueError, TypeError, LookupError
        The table does not say which columns are geometries, or they are not.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point
    >>> unpack_geo(pack_geo(gpd.GeoDataFrame(geometry=[Point(1, 2)]))).geometry[0].x
    1.0
    """
    import geopandas as gpd
    import shapely

    geo = json.loads(table.schema.metadata[_GEO])
    frame = gpd.GeoDataFrame(unpack(table))
    for name, described in geo["columns"].items():
        if described["encoding"] != "WKB":
            raise ValueError(f"the geometries in {name!r} are encoded as {described['encoding']!r}")
        place = table.column_names.index(name)
        try:
            values = shapely.from_wkb(frame.iloc[:, place].to_numpy(dtype=object, na_value=None))
        except shapely.errors.ShapelyError as error:
            raise ValueError(str(error)) from error
        crs = described.get("crs", _CRS84)
        frame.isetitem(place, gpd.GeoSeries(values, index=frame.index, crs=crs))
    if geo.get("syncnb", {}).get("active", True):
        place = table.column_names.index(geo["primary_column"])
        frame = frame.set_geometry(frame.columns[place])
    return frame


def _described(geometries: Any) -> dict[str, Any]:
    import shapely

    there = geometries[~geometries.isna()]
    kinds = {
        f"{kind} Z" if z else kind
        for kind, z in zip(there.geom_type, shapely.has_z(there.to_numpy()), strict=True)
    }
    crs = geometries.crs
    return {
        "encoding": "WKB",
        "geometry_types": sorted(kinds),
        "crs": None if crs is None else crs.to_json_dict(),
    }
