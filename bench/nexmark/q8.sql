-- q8, the two aggregates within it: who registered, and who sold, in every ten seconds. Distinct keys per window.
CREATE TABLE q8_persons (
  id BIGINT, name STRING, starttime TIMESTAMP(3), endtime TIMESTAMP(3)
) WITH ('connector' = 'blackhole');

CREATE TABLE q8_sellers (
  seller BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3)
) WITH ('connector' = 'blackhole');

EXECUTE STATEMENT SET BEGIN

INSERT INTO q8_persons
SELECT id, name, window_start, window_end
FROM TABLE(TUMBLE(TABLE person, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY id, name, window_start, window_end;

INSERT INTO q8_sellers
SELECT seller, window_start, window_end
FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY seller, window_start, window_end;

END;
