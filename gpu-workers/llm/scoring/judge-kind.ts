import type { QuestionText } from "@/core/scoring/rule-scoring";

/** One answer to be judged. */
export interface JudgedAnswer extends QuestionText {
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
   * Verdicts in the order of the items. A reply that cannot be read counts as no and is reported (`onUnread`). Throws AppError
   * where the model cannot be asked.
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
