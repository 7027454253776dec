-- Every flight that was to leave New York in 2013, as a stream of records sent when the flight has landed.
-- Run it from the root of the repository:
--
--   target/release/tidemill sql -f examples/flights/flights.sql --checkpoint-dir target/flights/checkpoints
--
-- The same script as a batch job (same rows):  add  -D execution.runtime-mode=batch  and leave out the checkpoints.

CREATE TABLE flights (
  dep_time  TIMESTAMP(3),  -- when it left, UTC
  arr_time  TIMESTAMP(3),  -- when it landed, UTC; the order of the records
  carrier   STRING,
  flight    INT,
  tailnum   STRING,
  origin    STRING,
  dest      STRING,
  dep_delay INT,           -- minutes; NULL: cancelled
  arr_delay INT,
  air_time  INT,
  distance  INT,           -- miles
  -- Nine records in ten are out of order, by up to 11.1 hours: after 12 hours nothing is late.
  WATERMARK FOR dep_time AS dep_time - INTERVAL '12' HOUR
) WITH (
  'connector' = 'filesystem',
  'path' = 'examples/flights/flights.parquet',
  'format' = 'parquet',
  'rows-per-second' = '55000'  -- a year in about six seconds; without this line as fast as it goes
);

-- (a) Flights per airport and hour, exactly once: one folder a day, a file appears when its checkpoint is complete.
CREATE TABLE hourly (
  origin      STRING,
  dep_hour    TIMESTAMP(3),
  flights     BIGINT,
  cancelled   BIGINT,
  mean_delay  DECIMAL(6, 1),
  worst_delay INT,
  dep_day     STRING
) PARTITIONED BY (dep_day) WITH (
  'connector' = 'filesystem',
  'path' = 'target/flights/hourly',
  'format' = 'csv'
);

-- (b) Each carrier's running totals, a changelog: a table that redraws itself on a terminal, plain lines elsewhere.
CREATE TABLE carriers (
  carrier    STRING,
  flights    BIGINT,
  cancelled  BIGINT,
  mean_delay DECIMAL(6, 1),
  miles      BIGINT,
  PRIMARY KEY (carrier) NOT ENFORCED
) WITH (
  'connector' = 'print',
  'style' = 'table'
);

EXECUTE STATEMENT SET BEGIN

INSERT INTO hourly
SELECT
  origin,
  window_start,
  COUNT(*),
  COUNT(*) FILTER (WHERE dep_delay IS NULL),
  CAST(AVG(CAST(dep_delay AS DOUBLE)) AS DECIMAL(6, 1)),
  MAX(dep_delay),
  DATE_FORMAT(window_start, 'yyyy-MM-dd')
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(dep_time), INTERVAL '1' HOUR))
GROUP BY origin, window_start, window_end;

INSERT INTO carriers
SELECT
  carrier,
  COUNT(*),
  COUNT(*) FILTER (WHERE dep_delay IS NULL),
  CAST(AVG(CAST(dep_delay AS DOUBLE)) AS DECIMAL(6, 1)),
  SUM(CAST(distance AS BIGINT))
FROM flights
GROUP BY carrier;

END;
