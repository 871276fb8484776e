import { AppError } from "@/contracts/errors";
import type { Question } from "@/contracts/worker-protocol/worker-protocol";
import { shuffledBy } from "@/gpu-workers/runtime/keys";

/**
 * The training questions in the order that the seed gives them, shuffled anew in every epoch. The cursor is the whole
 * state: a resumed run draws the questions that an undisturbed one would have drawn.
 */
export class QuestionPool {
  private epoch = -1;
  private order: Question[] = [];

  constructor(
    private readonly questions: readonly Question[],
    private readonly seed: number,
    public cursor = 0,
  ) {
    if (questions.length === 0)
      throw new AppError("invalid-input", "The set of training questions is empty.");
  }

  get size(): number {
    return this.questions.length;
  }

  /** The next `count` questions, without moving the cursor. */
  peek(count: number): Question[] {
    return Array.from({ length: count }, (_, i) => this.getQuestionAt(this.cursor + i));
  }

  /** Takes the next `count` questions. */
  take(count: number): Question[] {
    const questions = this.peek(count);
    this.cursor += count;
    return questions;
  }

  private getQuestionAt(position: number): Question {
    const epoch = Math.floor(position / this.questions.length);
    if (epoch !== this.epoch) {
      this.order = shuffledBy(this.questions, "pool", this.seed, epoch);
      this.epoch = epoch;
    }
    return this.order[position % this.questions.length]!;
  }
}

/**
 * Draws `count` questions that pass `keep`, in the pool's order. Candidates are judged in batches (a naive-RAG answer
 * is cheaper in company); the cursor ends right after the last question drawn.
 * Throws `invalid-input` where a whole epoch has nothing to keep.
 */
export async function drawQuestions(
  pool: QuestionPool,
  count: number,
  keep: (candidates: Question[]) => Promise<boolean[]>,
): Promise<Question[]> {
  const drawn: Question[] = [];
  let refused = 0;
  while (drawn.length < count) {
    const candidates = pool.peek(Math.max(8, 2 * (count - drawn.length)));
    const kept = await keep(candidates);
    for (const [i, question] of candidates.entries()) {
      if (drawn.length === count) break;
      pool.cursor++;
      refused = kept[i] ? 0 : refused + 1;
      if (kept[i]) drawn.push(question);
    }
    if (refused >= pool.size)
      throw new AppError(
        "invalid-input",
        "Naive RAG already answers every training question: nothing is left to learn from. Choose harder questions or switch rl.filterAnswered off.",
      );
  }
  return drawn;
}
