/**
 * scoring/: scores of answers. This file scores by the configured scorer, a rule (core/scoring) or a judge; `judge.ts`
 * asks a model, in the engine or at an endpoint, whether an answer is right.
 */

import { formatQuestion, scoreByRule, scoreByRules, scoreSpan } from "@/core/scoring/rule-scoring";
import { isRule, type ScorerName } from "@/contracts/run-config/scoring";
import type { Answer, Score } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Judge } from "./judge";

/** The scores of one answer. */
export interface ScoredAnswer {
  /** By the configured scorer. */
  main: Score;
  /** By every rule, and by the judge where it was asked, so that another scorer can be chosen later. */
  others: Score[];
}

/** Finds stored judge scores of these answers. */
export type FindVerdicts = (
  scorer: string,
  answers: { key: string; questionId: string }[],
) => Promise<StoredVerdict[]>;

/**
 * Scores answers by the configured scorer. The judge is opened when it is first needed. `generation-accuracy` is
 * upstream's: 1 where the span matches or the judge agrees. The judge is asked about every answer, so that agreement
 * between the two can be measured.
 */
export class AnswerScorer {
  private judge: Promise<Judge> | null = null;

  constructor(
    private readonly name: ScorerName,
    private readonly openJudge: (() => Promise<Judge>) | null,
    /** The judge is not asked again where a verdict is stored. */
    private readonly findVerdicts: FindVerdicts | null = null,
  ) {}

  /**
   * Scores answers in the order of the items.
   * @throws AppError where the judge fails: the answers then stay unscored, and never count as wrong
   */
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
    const collectVerdicts = await this.collectVerdicts(judge, items, signal);
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
  private async collectVerdicts(
    judge: Judge,
    items: readonly { question: Question; answer: Pick<Answer, "key" | "text"> }[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const keys = items.map(({ question, answer }) => ({
      key: answer.key,
      questionId: question.id,
    }));
    const stored = (await this.findVerdicts?.(`judge/${judge.id}`, keys)) ?? [];
    const known = new Map(
      stored.map(({ key, questionId, text, value }) => [
        JSON.stringify([key, questionId, text]),
        value,
      ]),
    );
    const verdicts = items.map(({ question, answer }) =>
      known.get(JSON.stringify([answer.key, question.id, answer.text])),
    );
    const unjudged = items.filter((_, i) => verdicts[i] === undefined);
    const judged = (
      unjudged.length === 0
        ? []
        : await judge.judge(
            unjudged.map(({ question, answer }) => ({
              question: formatQuestion(question),
              golds: listGolds(question),
              answer: answer.text,
            })),
            signal,
          )
    ).values();
    return verdicts.map((verdict) => verdict ?? (judged.next().value ? 1 : 0));
  }
}

const separateMain = (main: Score, all: readonly Score[]): ScoredAnswer => ({
  main,
  others: all.filter(({ scorer }) => scorer !== main.scorer),
});

/** Gold answers for the judge. Of a multiple-choice question the right option counts by its letter and by its text. */
function listGolds({ answers, options }: Question): string[] {
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  return right
    ? [`${right.letter}. ${right.text}`, ...answers.filter((text) => text !== right.text)]
    : [...answers];
}
