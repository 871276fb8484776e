-- A run on another run's episodes answers or scores them anew: what was done for the question stays, so its episodes name
-- those whose steps they share. Null: its own. Episodes from before hold copies, which stay right.
ALTER TABLE episodes ADD COLUMN steps_of uuid REFERENCES episodes;
