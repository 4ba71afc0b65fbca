-- Departure delays of the flights of 2013: per hour and carrier, with the airlines' names.
--
--   millrace run examples/delays.sql --set data=demo/data --set out=demo/delays.parquet
--
-- The flights are not in time order (months run 1, 10 to 12, 2 to 9), so no watermark is declared: every window stays
-- open until the end of the file, and nothing is late.

CREATE SOURCE flights WITH (connector = 'files', path = '${data:-demo/data}/flights.csv', null = 'NA');
CREATE SOURCE airlines WITH (connector = 'files', path = '${data:-demo/data}/airlines.csv', null = 'NA');
CREATE SINK hourly_delays WITH (
  connector = 'files', path = '${out:-demo/delays.parquet}', mode = 'overwrite');

CREATE STREAM delays AS
SELECT f.window_start AS hour,
       f.carrier,
       a.name AS airline,
       f.flights,
       f.departed,
       f.mean_delay,
       f.worst_delay
FROM (
  SELECT window_start,
         carrier,
         COUNT(*) AS flights,
         COUNT(dep_delay) AS departed,
         AVG(dep_delay) AS mean_delay,
         MAX(dep_delay) AS worst_delay
  FROM flights
  GROUP BY carrier
  WINDOW TUMBLING(time_hour, INTERVAL '1' HOUR)
  EMIT FINAL
) AS f
JOIN airlines AS a ON f.carrier = a.carrier;

INSERT INTO hourly_delays SELECT * FROM delays;

-- The airlines that keep their passengers waiting longest.
SELECT airline,
       SUM(flights) AS flights,
       ROUND(SUM(mean_delay * departed) / SUM(departed), 1) AS mean_delay_minutes,
       MAX(worst_delay) AS worst_delay_minutes
FROM delays
GROUP BY airline
ORDER BY mean_delay_minutes DESC
LIMIT 10;
