/** Fixed margins of every plot, so that the crosshair can be placed without asking recharts. */
export const PLOT = { left: 44, right: 10, top: 8, bottom: 22 } as const;
export const PLOT_HEIGHT = 172;
