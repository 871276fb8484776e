/** One answer to be judged. */
export interface JudgedAnswer {
  question: string;
  golds: readonly string[];
  answer: string;
}

/** Told of each reply that says neither yes nor no and counts as no. @param index of the item */
export type ReportUnread = (index: number, reply: string) => void;

/** A model that decides whether answers are right. */
export interface Judge {
  /** Model and prompt version: part of the scorer's name, because they can change a verdict. */
  readonly id: string;
  /**
   * Verdicts in the order of the items. Throws AppError where the model cannot be asked, and where a reply cannot be read
   * and the judge's kind does not say what that means (`onUnread`).
   */
  judge(
    items: readonly JudgedAnswer[],
    signal: AbortSignal,
    onUnread?: ReportUnread,
  ): Promise<boolean[]>;
}

/**
 * Whose prompt is asked and how a reply is read: ours, or the released code's, which writes the gold answers of a training
 * step and of an evaluation in two forms.
 */
export type JudgeKind = "own" | "upstream" | "upstream-training";
