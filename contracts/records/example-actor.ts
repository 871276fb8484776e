/** Who launched the runs of the example; people's own runs are never by this name. */
export const EXAMPLE_ACTOR = "example";
