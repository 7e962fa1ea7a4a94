"""Where to connect: an argument, then the environment, then a file with named profiles."""

from syncnb.settings.finding import Settings, find_settings
from syncnb.settings.profiles import config_path
from syncnb.settings.sources import check_texts
from syncnb.settings.urls import ServiceUrl, check_url

__all__ = ["ServiceUrl", "Settings", "check_texts", "check_url", "config_path", "find_settings"]
