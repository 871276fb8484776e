import { AppError } from "@/contracts/errors";
import type { Question } from "@/contracts/worker-protocol/questions";
import { shuffleBySalt } from "@/gpu-workers/runtime/keys";

/**
 * The training questions in an order that depends on the seed, shuffled again in every epoch. The cursor is the whole
 * state, so that a resumed run draws the questions that an uninterrupted one would have drawn.
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
      this.order = shuffleBySalt(this.questions, "pool", this.seed, epoch);
      this.epoch = epoch;
    }
    return this.order[position % this.questions.length]!;
  }
}

/**
 * Draws `count` questions that pass `accept`, in the pool's order. Candidates are checked in batches, because naive RAG
 * answers a batch faster than single questions. The cursor ends right after the last question drawn.
 * @throws AppError "invalid-input" where a whole epoch has no question to draw
 */
export async function drawQuestions(
  pool: QuestionPool,
  count: number,
  accept: (candidates: Question[]) => Promise<boolean[]>,
): Promise<Question[]> {
  const drawn: Question[] = [];
  let rejectedInARow = 0;
  while (drawn.length < count) {
    const candidates = pool.peek(Math.max(8, 2 * (count - drawn.length)));
    const accepted = await accept(candidates);
    for (const [i, question] of candidates.entries()) {
      if (drawn.length === count) break;
      pool.cursor++;
      rejectedInARow = accepted[i] ? 0 : rejectedInARow + 1;
      if (accepted[i]) drawn.push(question);
    }
    if (rejectedInARow >= pool.size)
      throw new AppError(
        "invalid-input",
        "Naive RAG already answers every training question: nothing is left to learn from. Choose harder questions or switch rl.filterAnswered off.",
      );
  }
  return drawn;
}
