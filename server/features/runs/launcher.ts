import type { z } from "zod";
import type { planMemoryRequestSchema, planMemoryResponseSchema } from "@/contracts/api/new-run";
import type { listPresetsResponseSchema } from "@/contracts/api/question-sets";
import type { checkRunResponseSchema } from "@/contracts/api/runs";
import { parseOrThrow } from "@/contracts/errors";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { listRunParts } from "@/core/presets/run-parts";
import { PRESETS } from "@/core/presets/run-presets";
import type { Database } from "@/server/platform/db/database";
import { KnownBaselines } from "./known-baselines";
import type { Placement } from "./placement";
import type { ReferenceCheck } from "./reference-check";
import type { Runs } from "./runs";

/** Checks configurations, and queues runs. */
export class Launcher {
  private readonly baselines: KnownBaselines;

  constructor(
    database: Database,
    private readonly runs: Runs,
    private readonly references: ReferenceCheck,
    private readonly placement: Placement,
  ) {
    this.baselines = new KnownBaselines(database.db);
  }

  /** Queues a run. @throws AppError "invalid-input" that names every setting that is wrong, by its path */
  async launch(
    input: unknown,
    options: { actor: string; preset: string | null },
  ): Promise<{ id: string }> {
    const config = await this.parse(input);
    await this.references.requireAll(config);
    return { id: await this.runs.create(config, options) };
  }

  private async parse(input: unknown): Promise<RunConfig> {
    const config = parseOrThrow(runConfigSchema, input, "The configuration");
    return this.references.applyReusedSettings(config);
  }

  /** @throws AppError "invalid-input" where the configuration names something that is not there */
  requireReferences(config: RunConfig): Promise<void> {
    return this.references.requireAll(config);
  }

  /** Lists the presets, with what each needs and lacks here. */
  async listPresets(): Promise<z.infer<typeof listPresetsResponseSchema>> {
    const workers = await this.placement.listOnlineWorkers();
    const offered = await this.placement.listOffered(workers);
    const known = this.references.openNames();
    return Promise.all(
      PRESETS.map(async ({ id, title, description, config: input }) => {
        const config = runConfigSchema.parse(input);
        const [issues, requirements] = await Promise.all([
          this.references.findIssues(config, known),
          this.placement.checkRequirements(config, workers),
        ]);
        const ready = issues.length === 0 && requirements.every(({ ok }) => ok);
        const parts = listRunParts(config, offered);
        return { id, title, description, config, requirements, ready, parts };
      }),
    );
  }

  /** Plans a training run's memory on GPUs that need not be here. @throws AppError "invalid-input" that names every wrong setting */
  async planMemory({
    config: input,
    ...gpus
  }: z.infer<typeof planMemoryRequestSchema>): Promise<z.infer<typeof planMemoryResponseSchema>> {
    const config = await this.parse(input);
    return this.placement.planMemory(config, gpus);
  }

  /** Lists everything that keeps a configuration from starting now. */
  async check(input: unknown): Promise<z.infer<typeof checkRunResponseSchema>> {
    const parsed = runConfigSchema.safeParse(input);
    if (!parsed.success)
      return {
        ok: false,
        issues: parsed.error.issues.map((issue) => ({
          path: issue.path.join("."),
          message: issue.message,
        })),
        requirements: [],
        memory: null,
        unjoined: [],
        baselines: null,
      };
    const config = await this.references.applyReusedSettings(parsed.data);
    const [issues, requirements, estimates, baselines] = await Promise.all([
      this.references.findIssues(config),
      this.placement.checkRequirements(config),
      this.placement.estimateMemory(config),
      this.baselines.count(config),
    ]);
    return {
      ok: issues.length === 0 && requirements.every((r) => r.ok),
      issues,
      requirements,
      ...estimates,
      baselines,
    };
  }
}
