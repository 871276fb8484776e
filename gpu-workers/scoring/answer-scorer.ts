import { askedText, scoreByRule, scoreByRules, spanAccuracy } from "@/contracts/answer-scoring";
import { isRule, type ScorerName } from "@/contracts/config/scoring";
import type { Answer, Score } from "@/contracts/episode";
import { AppError } from "@/contracts/errors";
import type { Question } from "@/contracts/worker-protocol";
import type { Judge } from "./judge";

export interface ScoredAnswer {
  /** By the configured scorer. */
  main: Score;
  /** By every rule, and by the judge where it was asked: free to have, so that another scorer can be chosen later. */
  others: Score[];
}

/**
 * Scores answers by the configured scorer. The judge is opened when it is first needed. `generation-accuracy` is
 * upstream's: span, or else the judge; for agreement the judge is asked about every answer.
 */
export class AnswerScorer {
  private judge: Promise<Judge> | null = null;

  constructor(
    private readonly name: ScorerName,
    private readonly openJudge: (() => Promise<Judge>) | null,
  ) {}

  /** In the order of the items. Throws AppError where the judge fails: an answer is then unscored, never wrong. */
  async score(items: readonly { question: Question; answer: Pick<Answer, "text"> }[], signal: AbortSignal): Promise<ScoredAnswer[]> {
    const { name } = this;
    if (isRule(name)) return items.map(({ question, answer }) => split(scoreByRule(name, answer.text, question), scoreByRules(answer.text, question)));
    if (this.openJudge === null) throw new AppError("internal", `Scorer ${name} needs a judge.`);
    this.judge ??= this.openJudge();
    const judge = await this.judge;
    const verdicts = await judge.judge(
      items.map(({ question, answer }) => ({ question: askedText(question), golds: goldsOf(question), answer: answer.text })),
      signal,
    );
    return items.map(({ question, answer }, i) => {
      const judged: Score = { scorer: `judge/${judge.id}`, value: verdicts[i] ? 1 : 0 };
      const either: Score = { scorer: `generation-accuracy/${judge.id}`, value: verdicts[i] || spanAccuracy(answer.text, question.answers) === 1 ? 1 : 0 };
      return split(name === "judge" ? judged : either, [...scoreByRules(answer.text, question), judged, either]);
    });
  }
}

const split = (main: Score, all: readonly Score[]): ScoredAnswer => ({ main, others: all.filter(({ scorer }) => scorer !== main.scorer) });

/** Of a multiple choice the right option counts by its letter and by its text. */
function goldsOf({ answers, options }: Question): string[] {
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  return right ? [`${right.letter}. ${right.text}`, ...answers.filter((text) => text !== right.text)] : [...answers];
}
