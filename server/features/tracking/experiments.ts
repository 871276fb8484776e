import { AppError } from "@/contracts/errors";
import type { Database } from "@/server/platform/db/database";
import { insertExperiment, selectExperiments, updateExperiment, type Experiment } from "./queries";

/** Names under which trainers gather their runs. */
export class Experiments {
  constructor(private readonly database: Database) {}

  /** @throws AppError "conflict" where there is one of this name, deleted ones included */
  async create(name: string, tags: Record<string, string>): Promise<string> {
    const id = await insertExperiment(this.database.db, name, tags);
    if (id === null)
      throw new AppError("conflict", `There is an experiment "${name}" already, maybe deleted.`);
    return id;
  }

  list(): Promise<Experiment[]> {
    return selectExperiments(this.database.db);
  }

  /** @throws AppError "not-found" */
  async get(id: string): Promise<Experiment> {
    const [found] = await selectExperiments(this.database.db, { id });
    if (!found) throw new AppError("not-found", `There is no experiment ${id}.`);
    return found;
  }

  /** @throws AppError "not-found" */
  async getByName(name: string): Promise<Experiment> {
    const [found] = await selectExperiments(this.database.db, { name });
    if (!found) throw new AppError("not-found", `There is no experiment "${name}".`);
    return found;
  }

  /** @throws AppError "not-found", "invalid-input" where it is deleted */
  async requireActive(id: string): Promise<Experiment> {
    const found = await this.get(id);
    if (found.isDeleted)
      throw new AppError(
        "invalid-input",
        `Experiment "${found.name}" is deleted: restore it, or name another one.`,
      );
    return found;
  }

  /** Changes an experiment; what is left out stays. @throws AppError "not-found", "conflict" where the name is taken */
  async update(
    id: string,
    change: { name?: string; tags?: Record<string, string>; isDeleted?: boolean },
  ): Promise<void> {
    const { name } = change;
    if (name !== undefined) {
      const [taken] = await selectExperiments(this.database.db, { name });
      if (taken && taken.id !== id)
        throw new AppError("conflict", `There is an experiment "${name}" already, maybe deleted.`);
    }
    if ((await updateExperiment(this.database.db, id, change)) === 0) await this.get(id);
  }
}
