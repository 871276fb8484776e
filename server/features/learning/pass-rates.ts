import type { z } from "zod";
import {
  passStateSchema,
  type passRatesRequestSchema,
  type passRatesResponseSchema,
} from "@/contracts/api/pass-rates";
import { classifyPassRates } from "@/core/metrics/pass-rates";
import { buildLineageJoin } from "@/server/features/episodes/queries";
import type { Database } from "@/server/platform/db/database";
import { selectPassRates, selectQuestionTexts } from "./queries";

/** Reads how every question of a training run fares over its steps. */
export class PassRateReader {
  constructor(private readonly database: Database) {}

  /** A page of questions by state, those that need a look first; within a state by their id. */
  async list({
    runId,
    phase,
    state,
    cursor,
    limit,
  }: z.output<typeof passRatesRequestSchema>): Promise<z.infer<typeof passRatesResponseSchema>> {
    const { db } = this.database;
    const questions = await selectPassRates(db, runId, phase, await buildLineageJoin(db, runId));
    const classified = questions.map((question) => ({
      ...question,
      state: classifyPassRates(
        question.passed.map((passed, i) => ({ passed, samples: question.samples[i]! })),
      ),
    }));
    const counts = { forgotten: 0, dead: 0, learning: 0, mastered: 0, "seen-once": 0 };
    for (const question of classified) counts[question.state] += 1;
    const wanted = passStateSchema.options
      .filter((one) => !state || one === state)
      .flatMap((one) => classified.filter((question) => question.state === one));
    const from = cursor ?? 0;
    const page = wanted.slice(from, from + limit);
    const texts = new Map(
      (await selectQuestionTexts(db, page)).map(({ setId, id, question }) => [
        `${setId} ${id}`,
        question,
      ]),
    );
    return {
      counts,
      rows: page.map(({ setId, ...row }) => ({
        ...row,
        question: texts.get(`${setId} ${row.questionId}`) ?? row.questionId,
      })),
      nextCursor: from + limit < wanted.length ? from + limit : null,
    };
  }
}
