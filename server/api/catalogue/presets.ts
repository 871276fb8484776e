import { z } from "zod";
import { PRESETS } from "@/contracts/presets";
import { runConfig } from "@/contracts/run-config";
import { procedure } from "../trpc";
import { checkRunResponse } from "../runs/check";

export const listPresetsResponse = z.array(
  z.object({
    id: z.string(),
    title: z.string(),
    description: z.string(),
    /** With every default filled in. */
    config: runConfig,
    requirements: checkRunResponse.shape.requirements,
    /** Every requirement is met by a worker that is online. */
    ready: z.boolean(),
  }),
);

export const listPresets = procedure
  .input(z.object({}).optional())
  .output(listPresetsResponse)
  .query(({ ctx }) =>
    Promise.all(
      PRESETS.map(async ({ id, title, description, config }) => {
        const checked = await ctx.services.launcher.check(config);
        return {
          id,
          title,
          description,
          config: runConfig.parse(config),
          requirements: checked.requirements,
          ready: checked.ok,
        };
      }),
    ),
  );
