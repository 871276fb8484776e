/** A sweep while it is typed: values as text. */
export interface SweepDraft {
  mode: "grid" | "list";
  axes: { path: string; text: string }[];
  /** One row a line, e.g. "rl.steps=2, search.turns=1". */
  rows: string;
  seeds: string;
}

export const EMPTY_SWEEP: SweepDraft = {
  mode: "grid",
  axes: [{ path: "", text: "" }],
  rows: "",
  seeds: "",
};
