CREATE TABLE t (i int, b bit(10), x blob);
INSERT INTO t VALUES (1,b'1',0x00ff),(2,_binary 'a\0',NULL) , (-3,x'4142','it''s' /* c */);
REPLACE INTO t (x,i) VALUES ('',5) ON DUPLICATE KEY UPDATE i=VALUES(i);
