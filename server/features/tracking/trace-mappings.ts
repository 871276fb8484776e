import type { TraceFormat, TraceMapping } from "@/contracts/formats/traces/mapping";
import { AppError } from "@/contracts/errors";
import { DEFAULT_MAPPINGS } from "@/core/traces/mappings";
import type { Database } from "@/server/platform/db/database";
import { insertMapping, selectMappings } from "./trace-queries";

/** A mapping in use; version 0 is the one that every project begins with. */
export interface MappingInUse {
  mapping: TraceMapping;
  /** The product's own. */
  initial: TraceMapping;
  version: number;
  createdBy: string | null;
  createdAt: Date | null;
}

const BEGINNING = { mapping: null, version: 0, createdBy: null, createdAt: null };

/** Where a project reads the rollouts and traces of other trainers: the product's mappings, or copies of its own. */
export class TraceMappings {
  constructor(private readonly database: Database) {}

  /** The mapping of each format. */
  async list(): Promise<MappingInUse[]> {
    const own = await selectMappings(this.database.db);
    return Object.values(DEFAULT_MAPPINGS).map((initial): MappingInUse => {
      const { mapping, version, createdBy, createdAt } =
        own.find(({ format }) => format === initial.format) ?? BEGINNING;
      // One that was stored before a part of the form existed has that part as every project begins with it.
      const whole = mapping ? ({ ...initial, ...mapping } as TraceMapping) : initial;
      return { mapping: whole, initial, version, createdBy, createdAt };
    });
  }

  async get<F extends TraceFormat>(format: F): Promise<Extract<TraceMapping, { format: F }>> {
    const found = (await this.list()).find(({ mapping }) => mapping.format === format)!;
    return found.mapping as Extract<TraceMapping, { format: F }>;
  }

  /**
   * Stores a project's own mapping as the next version; those before it are kept.
   *
   * @param edited the version that the change was made of
   * @throws AppError "conflict" where somebody stored another one since
   */
  async save(mapping: TraceMapping, edited: number, actor: string): Promise<{ version: number }> {
    const before = (await this.list()).find((one) => one.mapping.format === mapping.format)!;
    const version = edited + 1;
    const isStored =
      before.version === edited &&
      (await insertMapping(this.database.db, { mapping, version, createdBy: actor })) === 1;
    if (!isStored)
      throw new AppError(
        "conflict",
        `The mapping of ${mapping.format} was changed since you opened it: it is version ${before.version} now. Read it anew and make your change there.`,
      );
    return { version };
  }
}
