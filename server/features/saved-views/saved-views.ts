import { randomUUID } from "node:crypto";
import {
  listSavedViewsResponseSchema,
  type SavedView,
  type SavedViewContent,
  type SaveViewRequest,
} from "@/contracts/api/saved-views";
import { AppError } from "@/contracts/errors";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";

/** Filters and panels that people keep under a name. */
export class SavedViews {
  constructor(private readonly database: Database) {}

  /** Views of a kind by name. */
  async list(kind: SavedViewContent["kind"]): Promise<SavedView[]> {
    const rows = await this.database.db.savedView.findMany({
      where: { projectId: DEFAULT_PROJECT, kind },
      orderBy: { name: "asc" },
      select: { id: true, kind: true, name: true, value: true, createdBy: true, updatedAt: true },
    });
    return listSavedViewsResponseSchema.parse(rows);
  }

  /** Saves a view in place of one of the same kind and name. @returns its id */
  async save({ kind, name, value }: SaveViewRequest, actor: string): Promise<{ id: string }> {
    return this.database.db.savedView.upsert({
      where: { projectId_kind_name: { projectId: DEFAULT_PROJECT, kind, name } },
      create: {
        id: randomUUID(),
        projectId: DEFAULT_PROJECT,
        createdBy: actor,
        kind,
        name,
        value,
      },
      update: { value, updatedAt: new Date() },
      select: { id: true },
    });
  }

  /** @throws AppError "not-found" */
  async delete(id: string): Promise<void> {
    const { count } = await this.database.db.savedView.deleteMany({
      where: { projectId: DEFAULT_PROJECT, id },
    });
    if (count === 0) throw new AppError("not-found", `There is no saved view ${id}.`);
  }
}
