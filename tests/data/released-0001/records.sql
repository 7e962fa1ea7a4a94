BEGIN TRANSACTION;
CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO "counters" VALUES('instance',1795558230905695683);
CREATE TABLE deliveries (
    org TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
    dest_type TEXT NOT NULL, dest_id TEXT NOT NULL,
    status TEXT NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (org, object_type, object_id, dest_type, dest_id)
);
INSERT INTO "deliveries" VALUES('acme','model','consumed','edge','node1','consumed','');
INSERT INTO "deliveries" VALUES('acme','model','delivered','edge','node1','delivered','');
INSERT INTO "deliveries" VALUES('acme','model','pending','edge','node1','delivering','');
INSERT INTO "deliveries" VALUES('acme','model','inactive','edge','node1','pending','');
INSERT INTO "deliveries" VALUES('acme','model','meta','edge','node1','delivering','');
INSERT INTO "deliveries" VALUES('acme','model','deleted','edge','node1','delivering','');
INSERT INTO "deliveries" VALUES('acme','model','half','edge','node1','pending','');
CREATE TABLE destinations (
    org TEXT NOT NULL, dest_type TEXT NOT NULL, dest_id TEXT NOT NULL,
    persistent INTEGER NOT NULL, last_contact REAL NOT NULL,
    communication TEXT NOT NULL, code_version TEXT NOT NULL,
    PRIMARY KEY (org, dest_type, dest_id)
);
INSERT INTO "destinations" VALUES('acme','edge','node1',1,1.79555823023350763318e+09,'http','1.0');
CREATE TABLE migrations (name TEXT NOT NULL PRIMARY KEY);
INSERT INTO "migrations" VALUES('0001 objects, deliveries, notices, destinations, organizations');
CREATE TABLE notices (
    org TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
    dest_type TEXT NOT NULL, dest_id TEXT NOT NULL,
    state TEXT NOT NULL, instance_id BIGINT NOT NULL, data_id BIGINT NOT NULL,
    resend_at REAL NOT NULL,
    PRIMARY KEY (org, object_type, object_id, dest_type, dest_id)
);
INSERT INTO "notices" VALUES('acme','model','consumed','edge','node1','consumedByDest',1795558230319674559,1795558230319674559,1.79555829042580676084e+09);
INSERT INTO "notices" VALUES('acme','model','delivered','edge','node1','receivedByDest',1795558230340315244,1795558230340315244,1.79555829036665534972e+09);
INSERT INTO "notices" VALUES('acme','model','pending','edge','node1','updatePending',1795558230875569760,1795558230875569760,1.79555829087568283083e+09);
INSERT INTO "notices" VALUES('acme','model','meta','edge','node1','updatePending',1795558230896450924,0,1.79555829089653968804e+09);
INSERT INTO "notices" VALUES('acme','model','deleted','edge','node1','deletePending',1795558230902588448,1795558230902588448,1.79555829090426063545e+09);
CREATE TABLE objects (
    org TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
    status TEXT NOT NULL, sender INTEGER NOT NULL, meta TEXT NOT NULL, blob TEXT,
    receivers_left BIGINT NOT NULL, consumers_left BIGINT NOT NULL,
    partial TEXT, ranges TEXT NOT NULL,
    PRIMARY KEY (org, object_type, object_id)
);
INSERT INTO "objects" VALUES('acme','model','consumed','ready',1,'{"objectID":"consumed","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"edge","destinationsList":null,"destinationPolicy":null,"expiration":"","version":"1","description":"größer","link":"","inactive":false,"activationTime":"","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":false,"instanceID":1795558230319674559,"dataID":1795558230319674559,"objectSize":20000,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}','2cf899f362440026fadd4be4830413e2',1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','model','delivered','ready',1,'{"objectID":"delivered","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"edge","destinationsList":null,"destinationPolicy":null,"expiration":"","version":"","description":"","link":"","inactive":false,"activationTime":"","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":false,"instanceID":1795558230340315244,"dataID":1795558230340315244,"objectSize":5,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}','8fccca487de37539cf88dfec6962fa83',1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','stats','s1','completelyReceived',0,'{"objectID":"s1","objectType":"stats","destinationOrgID":"acme","destinationID":"node1","destinationType":"edge","destinationsList":null,"destinationPolicy":null,"expiration":"","version":"","description":"","link":"","inactive":false,"activationTime":"","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"node1","originType":"edge","deleted":false,"instanceID":1795558230482688032,"dataID":1795558230482688032,"objectSize":3000,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/node1"}','3cdd1d4444aac10540adfda3fdf7cae4',1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','model','pending','ready',1,'{"objectID":"pending","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"edge","destinationsList":null,"destinationPolicy":null,"expiration":"2099-01-01T00:00:00Z","version":"","description":"","link":"","inactive":false,"activationTime":"","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":false,"instanceID":1795558230875569760,"dataID":1795558230875569760,"objectSize":3000,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}','e35bfcbd1e8aceed8b0c3f702dd44c49',1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','model','inactive','ready',1,'{"objectID":"inactive","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"edge","destinationsList":null,"destinationPolicy":null,"expiration":"","version":"","description":"","link":"","inactive":true,"activationTime":"2099-01-01T00:00:00Z","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":false,"instanceID":1795558230890223005,"dataID":1795558230890223005,"objectSize":100,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}','b3d7cfb4a3ba48a6bed891ccce55100c',1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','model','policy','ready',1,'{"objectID":"policy","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"","destinationsList":null,"destinationPolicy":{"properties":[],"constraints":["a=b"],"services":[],"timestamp":1795558230892050688},"expiration":"","version":"","description":"","link":"","inactive":false,"activationTime":"","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":false,"instanceID":1795558230895032549,"dataID":1795558230895032549,"objectSize":200,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}','f5ca977eca5a456567a42d33c1695279',1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','model','meta','ready',1,'{"objectID":"meta","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"","destinationsList":null,"destinationPolicy":null,"expiration":"","version":"","description":"","link":"","inactive":false,"activationTime":"","noData":true,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":false,"instanceID":1795558230896450924,"dataID":0,"objectSize":0,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}',NULL,1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','model','deleted','objdeleted',1,'{"objectID":"deleted","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"edge","destinationsList":null,"destinationPolicy":null,"expiration":"","version":"","description":"","link":"","inactive":false,"activationTime":"","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":true,"instanceID":1795558230902588448,"dataID":1795558230902588448,"objectSize":300,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}',NULL,1,1,NULL,'[]');
INSERT INTO "objects" VALUES('acme','model','half','notReady',1,'{"objectID":"half","objectType":"model","destinationOrgID":"acme","destinationID":"","destinationType":"edge","destinationsList":null,"destinationPolicy":null,"expiration":"","version":"","description":"","link":"","inactive":false,"activationTime":"","noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":1,"autodelete":false,"originID":"Cloud","originType":"Cloud","deleted":false,"instanceID":1795558230905695683,"dataID":0,"objectSize":0,"chunkSize":5242880,"uploadChunkSize":0,"hashAlgorithm":"","publicKey":"","signature":"","public":false,"ownerID":"acme/admin"}',NULL,1,1,'ba231e1dffc0b82d1be7b1386728986e','[[0,10]]');
CREATE TABLE organizations (org TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL);
CREATE INDEX objects_by_status ON objects (org, object_type, status);
CREATE INDEX deliveries_by_node ON deliveries (org, dest_type, dest_id);
CREATE INDEX notices_by_node ON notices (org, dest_type, dest_id, state);
CREATE INDEX notices_by_time ON notices (state, resend_at);
COMMIT;
