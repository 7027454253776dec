-- q2: the bids on one auction in 123. A selective filter.
CREATE TABLE q2 (
  auction BIGINT, price BIGINT
) WITH ('connector' = 'blackhole');

INSERT INTO q2
SELECT auction, price
FROM bid
WHERE MOD(auction, 123) = 0;
