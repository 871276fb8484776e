/** Of the card of curves, with room for a legend of several lines: what stands below it does not move when they arrive. */
export const CURVES_HEIGHT = "min-h-80 max-sm:min-h-100";
