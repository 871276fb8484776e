/** The colour of a row, in the table and in the plot. */
export const getRowColour = (row: number): string => `var(--series-${(row % 7) + 1})`;
