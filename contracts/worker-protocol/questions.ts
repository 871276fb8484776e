import { z } from "zod";
import { multipleChoiceSchema } from "@/contracts/formats/corpus-lines";

export const questionSchema = z.object({
  id: z.string(),
  question: z.string(),
  answers: z.array(z.string()).min(1),
  goldIds: z.array(z.string()),
  type: z.string().nullable(),
  /** Cluster for intervals, e.g. the country. */
  group: z.string().nullable(),
  /** Queries of the gold path after the question's own retrieval. */
  goldQueries: z.array(z.string()),
  /** Absent where the question is not a multiple choice. */
  options: multipleChoiceSchema.optional(),
});
export type Question = z.infer<typeof questionSchema>;
