import { formatQuestion, scoreByRule, scoreByRules, scoreSpan } from "@/core/scoring/rule-scoring";
import { isRule, type ScorerName } from "@/contracts/run-config/scoring";
import type { Answer, Score } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Judge } from "./judge";

export interface ScoredAnswer {
  /** By the configured scorer. */
  main: Score;
  /** By every rule, and by the judge where it was asked: free to have, so that another scorer can be chosen later. */
  others: Score[];
}

/** What the judge of a scorer has said already of answers to these questions. */
export type FindVerdicts = (
  scorer: string,
  answers: { key: string; questionId: string }[],
) => Promise<StoredVerdict[]>;

/**
 * Scores answers by the configured scorer. The judge is opened when it is first needed. `generation-accuracy` is
 * upstream's: span, or else the judge; for agreement the judge is asked about every answer.
 */
export class AnswerScorer {
  private judge: Promise<Judge> | null = null;

  constructor(
    private readonly name: ScorerName,
    private readonly openJudge: (() => Promise<Judge>) | null,
    /** Verdicts that are stored are not asked for again. */
    private readonly findVerdicts: FindVerdicts | null = null,
  ) {}

  /** In the order of the items. Throws AppError where the judge fails: an answer is then unscored, never wrong. */
  async score(
    items: readonly { question: Question; answer: Pick<Answer, "key" | "text"> }[],
    signal: AbortSignal,
  ): Promise<ScoredAnswer[]> {
    const { name } = this;
    if (isRule(name))
      return items.map(({ question, answer }) =>
        separateMain(scoreByRule(name, answer.text, question), scoreByRules(answer.text, question)),
      );
    if (this.openJudge === null) throw new AppError("internal", `Scorer ${name} needs a judge.`);
    this.judge ??= this.openJudge();
    const judge = await this.judge;
    const collectVerdicts = await this.verdicts(judge, items, signal);
    return items.map(({ question, answer }, i) => {
      const judged: Score = { scorer: `judge/${judge.id}`, value: collectVerdicts[i]! };
      const either: Score = {
        scorer: `generation-accuracy/${judge.id}`,
        value: Math.max(collectVerdicts[i]!, scoreSpan(answer.text, question.answers)),
      };
      return separateMain(name === "judge" ? judged : either, [
        ...scoreByRules(answer.text, question),
        judged,
        either,
      ]);
    });
  }

  /** 1 or 0 for each item: the stored verdict, or else the judge's. */
  private async verdicts(
    judge: Judge,
    items: readonly { question: Question; answer: Pick<Answer, "key" | "text"> }[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const asked = items.map(({ question, answer }) => ({
      key: answer.key,
      questionId: question.id,
    }));
    const stored = (await this.findVerdicts?.(`judge/${judge.id}`, asked)) ?? [];
    const known = new Map(
      stored.map(({ key, questionId, text, value }) => [
        JSON.stringify([key, questionId, text]),
        value,
      ]),
    );
    const verdicts = items.map(({ question, answer }) =>
      known.get(JSON.stringify([answer.key, question.id, answer.text])),
    );
    const open = items.filter((_, i) => verdicts[i] === undefined);
    const said = (
      open.length === 0
        ? []
        : await judge.judge(
            open.map(({ question, answer }) => ({
              question: formatQuestion(question),
              golds: listGolds(question),
              answer: answer.text,
            })),
            signal,
          )
    ).values();
    return verdicts.map((verdict) => verdict ?? (said.next().value ? 1 : 0));
  }
}

const separateMain = (main: Score, all: readonly Score[]): ScoredAnswer => ({
  main,
  others: all.filter(({ scorer }) => scorer !== main.scorer),
});

/** Of a multiple choice the right option counts by its letter and by its text. */
function listGolds({ answers, options }: Question): string[] {
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  return right
    ? [`${right.letter}. ${right.text}`, ...answers.filter((text) => text !== right.text)]
    : [...answers];
}
