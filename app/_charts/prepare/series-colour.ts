/** Colours that series take in turn: `--series-1` and on of globals.css. */
export const SERIES_COLOURS = 7;

/** The colour of a series by its place among others. */
export const getSeriesColour = (index: number): string =>
  `var(--series-${(index % SERIES_COLOURS) + 1})`;
