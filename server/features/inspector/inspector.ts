import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type {
  addCommentRequestSchema,
  episodeNotesSchema,
  sameQuestionResponseSchema,
  setLabelRequestSchema,
} from "@/contracts/api/inspector";
import { AppError } from "@/contracts/errors";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { episodeExists, selectKnownLabels, selectSameQuestion } from "./queries";

const KNOWN_LABELS = 200;
/** Episodes of the same question that are listed: of one run, and in all. */
const SAME_QUESTION = { ofEachRun: 20, limit: 300 };

/** What stands beside an episode: comments, labels, and the same question elsewhere. */
export class Inspector {
  constructor(private readonly database: Database) {}

  /** Comments and labels of an episode; none for one that is not there. */
  async readNotes(episodeId: string): Promise<z.infer<typeof episodeNotesSchema>> {
    const { db } = this.database;
    const [comments, labels, knownLabels] = await Promise.all([
      db.episodeComment.findMany({ where: { episodeId }, orderBy: { createdAt: "asc" } }),
      db.episodeLabel.findMany({ where: { episodeId }, orderBy: { label: "asc" } }),
      selectKnownLabels(db, KNOWN_LABELS),
    ]);
    return {
      comments: comments.map(({ id, createdBy, createdAt, text }) => ({
        id,
        author: createdBy,
        createdAt,
        text,
      })),
      labels: labels.map(({ label }) => label),
      knownLabels,
    };
  }

  /** @throws AppError "not-found" */
  async addComment(
    { episodeId, text }: z.output<typeof addCommentRequestSchema>,
    actor: string,
  ): Promise<void> {
    await this.requireEpisode(episodeId);
    await this.database.db.episodeComment.create({
      data: { id: randomUUID(), projectId: DEFAULT_PROJECT, createdBy: actor, episodeId, text },
    });
  }

  /** Removes a comment; one that is not there is removed already. */
  async removeComment(id: string): Promise<void> {
    await this.database.db.episodeComment.deleteMany({ where: { id } });
  }

  /** Sets or takes a label; doing it twice changes nothing. @throws AppError "not-found" */
  async setLabel(
    { episodeId, label, isSet }: z.output<typeof setLabelRequestSchema>,
    actor: string,
  ): Promise<void> {
    await this.requireEpisode(episodeId);
    const { episodeLabel } = this.database.db;
    if (isSet)
      await episodeLabel.createMany({
        data: [{ episodeId, label, projectId: DEFAULT_PROJECT, createdBy: actor }],
        skipDuplicates: true,
      });
    else await episodeLabel.deleteMany({ where: { episodeId, label } });
  }

  /** Episodes of the same question at other steps, and of other runs and methods; the episode itself is among them. */
  async listSameQuestion(episodeId: string): Promise<z.infer<typeof sameQuestionResponseSchema>> {
    const rows = await selectSameQuestion(this.database.db, episodeId, SAME_QUESTION);
    return {
      rows: rows.map(({ listable: _listable, ...row }) => row),
      isCut: (rows[0]?.listable ?? 0) > rows.length,
    };
  }

  private async requireEpisode(episodeId: string): Promise<void> {
    if (!(await episodeExists(this.database.db, episodeId)))
      throw new AppError("not-found", `There is no episode ${episodeId}.`);
  }
}
