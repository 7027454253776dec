-- q14: dear bids with the time of day. Decimals, CASE, a function of text (CHAR_LENGTH in place of the benchmark's own).
CREATE TABLE q14 (
  auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), bidTimeType STRING, `dateTime` TIMESTAMP(3),
  extra STRING, c_counts BIGINT
) WITH ('connector' = 'blackhole');

INSERT INTO q14
SELECT
  auction,
  bidder,
  0.908 * price,
  CASE
    WHEN HOUR(`dateTime`) >= 8 AND HOUR(`dateTime`) <= 18 THEN 'dayTime'
    WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'nightTime'
    ELSE 'otherTime'
  END,
  `dateTime`,
  extra,
  CHAR_LENGTH(extra)
FROM bid
WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000;
