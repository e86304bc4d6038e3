"""A MariaDB database with every kind of object and type, and hostile names."""

# {db} is its own name in backquotes.
EVERYTHING = r"""
SET NAMES utf8mb4;
CREATE TABLE types (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, b bit(9), ti tinyint, si smallint unsigned, mi mediumint, bi bigint,
  d decimal(30,10), f float, db double, dt date, t time(6), dtm datetime(6), ts timestamp(6) NULL, y year, c char(10) CHARACTER SET latin1,
  vc varchar(200) COMMENT 'it''s', bin binary(4), vb varbinary(100), tb tinyblob, bl blob, mb mediumblob, lb longblob, tt tinytext, tx text, mt mediumtext,
  lt longtext, en enum('a','b''c','é'), st set('x','y','z'), js json, g geometry, p point, u uuid, i6 inet6, i4 inet4, gen int AS (ti+1) STORED,
  virt varchar(20) AS (concat('v',ti)) VIRTUAL, inv int INVISIBLE DEFAULT 5, CHECK (ti < 100)) AUTO_INCREMENT=777 COMMENT='all types';
INSERT INTO types (b,ti,si,mi,bi,d,f,db,dt,t,dtm,ts,y,c,vc,bin,vb,tb,bl,mb,lb,tt,tx,mt,lt,en,st,js,g,p,u,i6,i4,inv) VALUES
  (b'101010101',5,65535,-8388608,-9223372036854775808,12345678901234567890.1234567890,1.5,2.25e300,'2026-01-02','-12:34:56.123456',
   '2026-01-02 03:04:05.678901','2026-01-02 03:04:05.678901',2026,'äöü','it''s "x" \\ `q` 😀',0x00010203,0xff00,0x27,0x0a,0x00,0x1a,'t','a\nb\rc\0d\Ze;','m','l',
   'b''c','x,z','{"a": [1, 2]}',ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'),POINT(1,2),'123e4567-e89b-12d3-a456-426655440000','::1','127.0.0.1',9);
INSERT INTO types (ti) VALUES (NULL), (99);
CREATE TABLE parent (id int PRIMARY KEY, boss int, name varchar(50) UNIQUE, KEY(boss), CONSTRAINT self_fk FOREIGN KEY (boss) REFERENCES parent(id));
CREATE TABLE child (id int PRIMARY KEY, pid int, CONSTRAINT child_fk FOREIGN KEY (pid) REFERENCES parent(id) ON DELETE CASCADE ON UPDATE SET NULL);
CREATE TABLE ring_a (id int PRIMARY KEY, b int);
CREATE TABLE ring_b (id int PRIMARY KEY, a int, CONSTRAINT rb FOREIGN KEY (a) REFERENCES ring_a(id));
ALTER TABLE ring_a ADD CONSTRAINT ra FOREIGN KEY (b) REFERENCES ring_b(id);
INSERT INTO parent VALUES (1,1,'one'),(2,1,'two'); INSERT INTO child VALUES (1,1),(2,2);
SET foreign_key_checks=0; INSERT INTO ring_a VALUES (1,1); INSERT INTO ring_b VALUES (1,1); SET foreign_key_checks=1;
CREATE TABLE parts (id int, y int, PRIMARY KEY(id,y)) PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1,1999),(2,2020);
CREATE TABLE texts (id int PRIMARY KEY, body text, pt point NOT NULL, FULLTEXT KEY ft (body), SPATIAL KEY sp (pt)) ENGINE=InnoDB;
INSERT INTO texts VALUES (1,'hello world',POINT(1,1));
CREATE TABLE my (id int PRIMARY KEY AUTO_INCREMENT, v int) ENGINE=MyISAM; INSERT INTO my(v) VALUES (1),(2);
CREATE TABLE ar (id int PRIMARY KEY, v int) ENGINE=Aria; INSERT INTO ar VALUES (1,2);
CREATE TABLE old_charset (id int PRIMARY KEY, v varchar(20)) DEFAULT CHARSET=latin1 COLLATE=latin1_german1_ci; INSERT INTO old_charset VALUES (1,'ß');
CREATE TABLE nokey (a int, b varchar(10)); INSERT INTO nokey VALUES (1,'x'),(1,'x'),(2,NULL);
CREATE TABLE versioned (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING; INSERT INTO versioned VALUES (1,1); UPDATE versioned SET v=2;
CREATE SEQUENCE sq START WITH 100 INCREMENT BY 5 CACHE 10; DO NEXTVAL(sq);
CREATE TABLE useseq (id int DEFAULT nextval(sq) PRIMARY KEY, v int); INSERT INTO useseq(v) VALUES (1); CREATE VIEW seqs AS SELECT id FROM useseq;
CREATE TABLE `we``ird "n'ame/% é -- ;\ &` (`co``l 'x"` int PRIMARY KEY); INSERT INTO `we``ird "n'ame/% é -- ;\ &` VALUES (7);
CREATE TABLE `-dash` (id int primary key); INSERT INTO `-dash` VALUES(1);
CREATE TABLE `new
line` (id int primary key); INSERT INTO `new
line` VALUES(1);
DELIMITER ;;
CREATE FUNCTION f1(a int) RETURNS int DETERMINISTIC COMMENT 'c' BEGIN
  -- a comment; with 'quote
  DECLARE x int; /* another */ SET x = a; # third
  RETURN x + 1; END;;
CREATE AGGREGATE FUNCTION agg(x int) RETURNS int BEGIN DECLARE s int DEFAULT 0; DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN s; LOOP FETCH GROUP NEXT ROW; SET s = s + x; END LOOP; END;;
CREATE PROCEDURE p1(IN a int, OUT b int) MODIFIES SQL DATA BEGIN INSERT INTO nokey VALUES (a, 'it''s; x'); SET b = a; END;;
CREATE TRIGGER t_bi BEFORE INSERT ON parent FOR EACH ROW BEGIN IF NEW.name IS NULL THEN SET NEW.name = 'none;'; END IF; END;;
CREATE TRIGGER t_bi2 BEFORE INSERT ON parent FOR EACH ROW FOLLOWS t_bi SET NEW.name = concat(NEW.name, '');;
CREATE TRIGGER t_ai AFTER INSERT ON child FOR EACH ROW SET @x = 1;;
CREATE EVENT ev1 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO BEGIN DELETE FROM nokey WHERE a > 100; END;;
CREATE EVENT ev2 ON SCHEDULE AT '2035-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE DO SELECT 1;;
DELIMITER ;
CREATE VIEW v1 AS SELECT id, name FROM parent;
CREATE VIEW a_on_v1 AS SELECT v1.id, f1(id) AS x FROM v1;
CREATE VIEW `zz``v` AS SELECT * FROM a_on_v1;
"""


def make_everything(server, db=None, small_tables=0):
    """A database with all of it; its name."""
    db = server.create(db)
    server.sql(EVERYTHING, db)
    server.sql("".join(f"CREATE TABLE small{i} (id int PRIMARY KEY, v varchar(10)); INSERT INTO small{i} VALUES (1,'{i}');\n" for i in range(small_tables)), db)
    return db


def comparable(server, db):
    """The dump of a database without its own name, which the tool writes into comments and into defaults that use a sequence."""
    quoted = "`" + db.replace("`", "``") + "`"
    text = server.dump(db, "--order-by-primary").replace(quoted.encode(), b"`DB`")
    return [line for line in text.splitlines() if not line.startswith((b"-- Dumping events for database", b"-- Dumping routines for database"))]


def databases(server):
    return set(server.sql("SHOW DATABASES").splitlines())


def leftovers(server, db):
    """Databases that restores have made beside one: (scratch, kept)."""
    names = databases(server)
    return sorted(n for n in names if n.startswith(f"{db}_restore_")), sorted(n for n in names if n.startswith(f"{db}_before_"))
