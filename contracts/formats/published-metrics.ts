/**
 * `gen_acc`: generation accuracy, a gold answer is in the text or the judge accepts it; `judge_acc`: the judge accepts
 * the answer; `em`: exact match after SQuAD's normalisation.
 */
export const PUBLISHED_METRICS = ["gen_acc", "judge_acc", "em"] as const;
