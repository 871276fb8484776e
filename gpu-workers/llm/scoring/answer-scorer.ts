/**
 * scoring/: scores of answers. This file scores by the configured scorer, a rule (core/scoring) or a judge; `judge.ts`
 * asks a model, in the engine or at an endpoint, whether an answer is right, with its own prompt or the released code's
 * (`upstream-judge.ts`).
 */

import {
  buildQuestionText,
  scoreByRule,
  scoreByRules,
  scoreSpan,
} from "@/core/scoring/rule-scoring";
import { formatJudgedId, formatUnreadId } from "@/core/scoring/judged-scoring";
import { formatGoldAnswers } from "@/contracts/formats/upstream/question-text";
import { isRule, type ScorerName } from "@/contracts/run-config/scoring";
import type { Answer, Score } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Judge } from "./judge-kind";

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

/** A reply of the judge that said neither yes nor no and counts as no. */
export interface UnreadReply {
  questionId: string;
  reply: string;
}

const LISTED_REPLIES = 10;

/** A line of the run's log about replies that could not be read: how many, and the first of them. */
export function describeUnread(replies: readonly UnreadReply[]): string {
  const listed = replies
    .slice(0, LISTED_REPLIES)
    .map(({ questionId, reply }) => `${questionId}: ${JSON.stringify(reply.slice(0, 120))}`);
  const more =
    replies.length > LISTED_REPLIES ? [`and ${replies.length - LISTED_REPLIES} more`] : [];
  return `${replies.length} ${replies.length === 1 ? "reply" : "replies"} of the judge said neither yes nor no and counted as no: ${[...listed, ...more].join("; ")}`;
}

type ScoredItem = { question: Question; answer: Pick<Answer, "key" | "text"> };

/** The judge's decision: whether the reply of a stored one could be read is stored beside it. */
interface Verdict {
  correct: 0 | 1;
  /** Of a verdict that was asked for now: whether its reply could not be read. */
  unread: boolean | null;
}

/**
 * Scores answers by the configured scorer. The judge is opened when it is first needed. `generation-accuracy` is 1 where
 * the span matches or the judge agrees; the judge is asked about every answer, so that agreement between the two can be
 * measured. `generation-accuracy/upstream` asks only where upstream's span does not match, as the released code does.
 */
export class AnswerScorer {
  private judge: Promise<Judge> | null = null;
  /** Of the judge since they were last taken. */
  private replies = { all: 0, unread: 0 };

  constructor(
    private readonly name: ScorerName,
    private readonly openJudge: (() => Promise<Judge>) | null,
    /** The judge is not asked again where a verdict is stored. */
    private readonly findVerdicts: FindVerdicts | null = null,
    /** Told of replies that count as no because they could not be read. */
    private readonly onUnread: ((replies: readonly UnreadReply[]) => void) | null = null,
  ) {}

  /** Share of the judge's replies since the last call that said neither yes nor no; undefined where there was none. */
  takeUnreadShare(): number | undefined {
    const { all, unread } = this.replies;
    this.replies = { all: 0, unread: 0 };
    return all === 0 ? undefined : unread / all;
  }

  /**
   * Scores answers in the order of the items.
   * @throws AppError where the judge fails: the answers then stay unscored, and never count as wrong
   */
  async score(items: readonly ScoredItem[], signal: AbortSignal): Promise<ScoredAnswer[]> {
    const { name } = this;
    if (isRule(name))
      return items.map(({ question, answer }) =>
        separateMain(scoreByRule(name, answer.text, question), scoreByRules(answer.text, question)),
      );
    if (this.openJudge === null) throw new AppError("internal", `Scorer ${name} needs a judge.`);
    this.judge ??= this.openJudge();
    const judge = await this.judge;
    if (name === "generation-accuracy/upstream") return this.scoreAsUpstream(judge, items, signal);
    const verdicts = await this.collectVerdicts(
      judge,
      formatJudgedId("judge", judge.id),
      items,
      signal,
    );
    return items.map(({ question, answer }, i) => {
      const judged: Score = {
        scorer: formatJudgedId("judge", judge.id),
        value: verdicts[i]!.correct,
      };
      const either: Score = {
        scorer: formatJudgedId("generation-accuracy", judge.id),
        value: Math.max(judged.value, scoreSpan(answer.text, question.answers)),
      };
      const { unread } = verdicts[i]!;
      return separateMain(name === "judge" ? judged : either, [
        ...scoreByRules(answer.text, question),
        judged,
        either,
        // Beside both figures, as another run of the other scorer may take the verdict over.
        ...(unread === null
          ? []
          : [judged, either].map(({ scorer }) => ({
              scorer: formatUnreadId(scorer),
              value: unread ? 1 : 0,
            }))),
      ]);
    });
  }

  /** Upstream's span, or else its judge; beside it whether the judge's reply could be read. */
  private async scoreAsUpstream(
    judge: Judge,
    items: readonly ScoredItem[],
    signal: AbortSignal,
  ): Promise<ScoredAnswer[]> {
    const scorer = formatJudgedId("generation-accuracy/upstream", judge.id);
    const spans = items.map(({ question, answer }) =>
      scoreByRule("span/upstream", answer.text, question),
    );
    const missed = items.filter((_, i) => spans[i]!.value === 0);
    const verdicts = (await this.collectVerdicts(judge, scorer, missed, signal)).values();
    return items.map(({ question, answer }, i) => {
      const span = spans[i]!;
      const verdict = span.value === 1 ? null : verdicts.next().value!;
      return separateMain({ scorer, value: verdict?.correct ?? 1 }, [
        ...scoreByRules(answer.text, question),
        span,
        ...(verdict === null || verdict.unread === null
          ? []
          : [{ scorer: formatUnreadId(scorer), value: verdict.unread ? 1 : 0 }]),
      ]);
    });
  }

  /** A verdict for each item: the one stored by this scorer's name, or else the judge's. */
  private async collectVerdicts(
    judge: Judge,
    scorer: string,
    items: readonly ScoredItem[],
    signal: AbortSignal,
  ): Promise<Verdict[]> {
    const keys = items.map(({ question, answer }) => ({
      key: answer.key,
      questionId: question.id,
    }));
    const stored = keys.length === 0 ? [] : ((await this.findVerdicts?.(scorer, keys)) ?? []);
    const known = new Map(
      stored.map(({ key, questionId, text, value }) => [
        JSON.stringify([key, questionId, text]),
        value,
      ]),
    );
    const found = items.map(({ question, answer }) =>
      known.get(JSON.stringify([answer.key, question.id, answer.text])),
    );
    const asked = (
      await this.askJudge(
        judge,
        items.filter((_, i) => found[i] === undefined),
        signal,
      )
    ).values();
    return found.map((value) =>
      value === undefined
        ? asked.next().value!
        : { correct: value >= 1 ? (1 as const) : (0 as const), unread: null },
    );
  }

  private async askJudge(
    judge: Judge,
    items: readonly ScoredItem[],
    signal: AbortSignal,
  ): Promise<Verdict[]> {
    if (items.length === 0) return [];
    const replies = new Map<number, string>();
    const verdicts = await judge.judge(
      items.map(({ question, answer }) => ({
        ...buildQuestionText(question),
        golds: this.listGolds(question),
        answer: answer.text,
      })),
      signal,
      (index, reply) => replies.set(index, reply),
    );
    this.replies.all += items.length;
    this.replies.unread += replies.size;
    if (replies.size > 0)
      this.onUnread?.(
        [...replies].map(([index, reply]) => ({ questionId: items[index]!.question.id, reply })),
      );
    return verdicts.map((correct, i) => ({ correct: correct ? 1 : 0, unread: replies.has(i) }));
  }

  /** Gold answers for the judge: upstream's is given them as its files have them. */
  private readonly listGolds = (question: Question): string[] =>
    this.name === "generation-accuracy/upstream"
      ? formatGoldAnswers(question)
      : listGoldTexts(question);
}

const separateMain = (main: Score, all: readonly Score[]): ScoredAnswer => ({
  main,
  others: all.filter(({ scorer }) => scorer !== main.scorer),
});

/** Gold answers for the judge. Of a multiple-choice question the right option counts by its letter and by its text. */
function listGoldTexts({ answers, options }: Question): string[] {
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  return right
    ? [`${right.letter}. ${right.text}`, ...answers.filter((text) => text !== right.text)]
    : [...answers];
}
