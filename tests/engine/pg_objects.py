"""A database with every kind of object PostgreSQL has, for tests of whole round trips."""
EVERYTHING = r"""
CREATE ROLE bs_owner; CREATE ROLE "bs ""odd"" role";
CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION postgres_fdw; CREATE EXTENSION btree_gist;
COMMENT ON EXTENSION citext IS 'a comment of our own';
CREATE SCHEMA app AUTHORIZATION bs_owner;
CREATE SCHEMA "odd "" schema";
COMMENT ON SCHEMA app IS E'it''s a\nschema \\ with ; semicolons';
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s; happy');
CREATE TYPE app.pair AS (x int, y text);
CREATE TYPE app.span AS RANGE (subtype = float8);
CREATE DOMAIN app.positive AS int DEFAULT 1 CONSTRAINT above_zero CHECK (VALUE > 0);
CREATE COLLATION app.german (locale = 'C.UTF-8');
CREATE FUNCTION app.twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS $f$ SELECT i * 2; -- ; not the end
$f$;
CREATE FUNCTION app.shout() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN new.note := upper(new.note); RETURN new; END; $body$;
CREATE FUNCTION app.eq(app.pair, app.pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).x = ($2).x';
CREATE PROCEDURE app.nothing(INOUT a int DEFAULT 3) LANGUAGE sql AS 'SELECT a';
CREATE AGGREGATE app.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR app.=== (LEFTARG = app.pair, RIGHTARG = app.pair, FUNCTION = app.eq);
CREATE OPERATOR FAMILY app.fam USING btree;
CREATE CAST (app.pair AS text) WITH INOUT;
CREATE TEXT SEARCH DICTIONARY app.dict (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION app.conf (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION app.conf ALTER MAPPING FOR word WITH app.dict;
CREATE CONVERSION app.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE SEQUENCE app.alone START 7 INCREMENT 3 CYCLE MAXVALUE 1000;
SELECT nextval('app.alone'); SELECT nextval('app.alone');
CREATE TABLE app.parent(id bigserial PRIMARY KEY, name citext NOT NULL DEFAULT 'x', tags hstore, mood app.mood, born date);
INSERT INTO app.parent(name, tags, mood) SELECT 'Name ' || g, hstore('k', g::text), 'ok' FROM generate_series(1, 500) g;
CREATE TABLE app.child(id int GENERATED ALWAYS AS IDENTITY (START 5) PRIMARY KEY, parent bigint REFERENCES app.parent ON DELETE CASCADE,
    p app.pair, r app.span, n app.positive, note text COLLATE app.german, twice int GENERATED ALWAYS AS (app.twice(3)) STORED,
    j jsonb, b bytea, a int[], t tsvector, f float8, m money, u uuid, x xml, bits bit varying(9), during tstzrange,
    CONSTRAINT some_check CHECK (note <> ';'), EXCLUDE USING gist (during WITH &&));
INSERT INTO app.child(parent, p, r, n, note, j, b, a, t, f, u, x, bits, during) SELECT g, ROW(g, E'a,"\\b' || g)::app.pair, app.span(g, g + 1), g,
    E'line\nbreak\ttab \\. back\\slash ' || g, jsonb_build_object('g', g, 'n', NULL), decode('00ff0a5c', 'hex'), ARRAY[g, NULL], to_tsvector('app.conf', 'word ' || g),
    CASE g % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE g / 3.0 END, '00000000-0000-0000-0000-000000000001', '<a>&amp;</a>', B'101',
    tstzrange('2020-01-01'::timestamptz + g * interval '1 day', '2020-01-01'::timestamptz + g * interval '1 day' + interval '1 hour') FROM generate_series(1, 300) g;
INSERT INTO app.child(note) VALUES (NULL), ('');
ALTER TABLE app.child OWNER TO bs_owner;
GRANT SELECT, INSERT (note) ON app.child TO "bs ""odd"" role"; GRANT SELECT ON app.parent TO PUBLIC;
CREATE TABLE app.measured(at timestamptz NOT NULL, v numeric(12, 3)) PARTITION BY RANGE (at);
CREATE TABLE app.measured_2020 PARTITION OF app.measured FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE app.measured_rest PARTITION OF app.measured DEFAULT PARTITION BY LIST (v);
CREATE TABLE app.measured_deep PARTITION OF app.measured_rest DEFAULT;
CREATE INDEX ON app.measured (at); ALTER TABLE app.measured ADD PRIMARY KEY (at, v);
INSERT INTO app.measured SELECT '2020-06-01'::timestamptz + g * interval '1 day', g FROM generate_series(1, 400) g;
CREATE TABLE app.base(a int, b text); CREATE TABLE app.heir(c int) INHERITS (app.base);
INSERT INTO app.base VALUES (1, 'base'); INSERT INTO app.heir VALUES (2, 'heir', 3);
CREATE UNLOGGED TABLE app.unlogged(a int) WITH (fillfactor = 70); INSERT INTO app.unlogged VALUES (1);
CREATE TABLE app.nocolumns(); CREATE TABLE app.empty(a int);
CREATE TABLE "odd "" schema"."table; DROP -- $x$ "" 'q' \ ☃"("a b" int, "select" text, "é" text DEFAULT 'é;');
INSERT INTO "odd "" schema"."table; DROP -- $x$ "" 'q' \ ☃" VALUES (1, '\.', NULL), (2, E'\\N', '');
CREATE VIEW app.view WITH (security_barrier) AS SELECT * FROM app.parent WHERE id < 10;
CREATE VIEW app.view2 AS SELECT count(*) AS n FROM app.view;
CREATE MATERIALIZED VIEW app.mat AS SELECT name, count(*) FROM app.parent GROUP BY 1; CREATE UNIQUE INDEX ON app.mat(name);
CREATE MATERIALIZED VIEW app.mat_unfilled AS SELECT * FROM app.mat WITH NO DATA;
CREATE RULE no_delete AS ON DELETE TO app.base DO INSTEAD NOTHING;
CREATE TRIGGER shouting BEFORE INSERT ON app.child FOR EACH ROW EXECUTE FUNCTION app.shout();
CREATE TRIGGER quiet BEFORE UPDATE ON app.child FOR EACH ROW EXECUTE FUNCTION app.shout(); ALTER TABLE app.child DISABLE TRIGGER quiet;
CREATE INDEX child_trgm ON app.child USING gin (note ext.gin_trgm_ops); CREATE INDEX child_part ON app.child (lower(note)) WHERE n > 3;
CREATE STATISTICS app.stat (dependencies) ON a, b FROM app.base;
ALTER TABLE app.parent ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app.parent FOR SELECT TO bs_owner, "bs ""odd"" role" USING (name = 'x');
CREATE PUBLICATION pub FOR TABLE app.parent; CREATE PUBLICATION pub_all FOR ALL TABLES;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid'); CREATE USER MAPPING FOR bs_owner SERVER elsewhere OPTIONS (user 'u');
CREATE FOREIGN TABLE app.far(a int) SERVER elsewhere;
SELECT lo_from_bytea(123456, decode(repeat('00ff', 40000), 'hex')); SELECT lo_from_bytea(123457, ''); COMMENT ON LARGE OBJECT 123456 IS 'large';
GRANT SELECT ON LARGE OBJECT 123456 TO bs_owner; ALTER LARGE OBJECT 123457 OWNER TO bs_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO bs_owner;
COMMENT ON TABLE app.parent IS 'parents'; COMMENT ON COLUMN app.parent.name IS 'it''s'; COMMENT ON TRIGGER shouting ON app.child IS 'loud';
COMMENT ON CONSTRAINT some_check ON app.child IS 'c'; COMMENT ON INDEX app.child_trgm IS 'i'; COMMENT ON FUNCTION app.twice(int) IS 'f';
CREATE FUNCTION app.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''ddl''; END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION app.on_ddl(); COMMENT ON EVENT TRIGGER watch IS 'watching';
"""

ROLES = ["bs_owner", 'bs "odd" role']


def drop_roles(server):
    for role in ROLES:
        server.psql("DROP ROLE IF EXISTS \"%s\"" % role.replace('"', '""'))
