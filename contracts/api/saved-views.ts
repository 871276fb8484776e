import { z } from "zod";
import { metricNameSchema } from "@/contracts/records/metric-point";

/** A list's filters, order and columns, as its page's address holds them: "state=failed&sort=name". */
const addressViewSchema = z.object({ query: z.string().max(4000) });

/** Charts that people put together: each draws several metrics. */
const panelsViewSchema = z.object({
  panels: z
    .array(
      z.object({
        title: z.string().trim().max(120),
        metrics: z.array(metricNameSchema).min(1).max(20),
      }),
    )
    .max(50),
});

/** What is kept under a name, by kind. */
export const savedViewContentSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("runs"), value: addressViewSchema }),
  z.object({ kind: z.literal("panels"), value: panelsViewSchema }),
  z.object({ kind: z.literal("episodes"), value: addressViewSchema }),
]);
export type SavedViewContent = z.infer<typeof savedViewContentSchema>;

const viewNameSchema = z.string().trim().min(1, "give it a name").max(120);

export const listSavedViewsRequestSchema = z.object({
  kind: z.enum(["runs", "panels", "episodes"]),
});

const savedViewSchema = z.intersection(
  z.object({ id: z.uuid(), name: z.string(), createdBy: z.string(), updatedAt: z.date() }),
  savedViewContentSchema,
);
export type SavedView = z.infer<typeof savedViewSchema>;

/** By name. */
export const listSavedViewsResponseSchema = z.array(savedViewSchema);

/** Saves a view in place of one of the same kind and name. */
export const saveViewRequestSchema = z.intersection(
  z.object({ name: viewNameSchema }),
  savedViewContentSchema,
);
export type SaveViewRequest = z.infer<typeof saveViewRequestSchema>;

export const saveViewResponseSchema = z.object({ id: z.uuid() });

export const deleteViewRequestSchema = z.object({ id: z.uuid() });
