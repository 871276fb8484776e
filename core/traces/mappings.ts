import {
  traceMappingSchema,
  type TraceFormat,
  type TraceMapping,
} from "@/contracts/formats/traces/mapping";
import openInference from "./mappings/openinference.json";
import verifiers from "./mappings/verifiers.json";
import verl from "./mappings/verl.json";

/** The mappings that a project begins with. */
export const DEFAULT_MAPPINGS: {
  readonly [F in TraceFormat]: Extract<TraceMapping, { format: F }>;
} = {
  verl: parseMapping(verl, "verl"),
  verifiers: parseMapping(verifiers, "verifiers"),
  openinference: parseMapping(openInference, "openinference"),
};

function parseMapping<F extends TraceFormat>(
  value: unknown,
  format: F,
): Extract<TraceMapping, { format: F }> {
  const mapping = traceMappingSchema.parse(value);
  if (mapping.format !== format)
    throw new Error(`core/traces/mappings/${format}.json is of ${mapping.format}`);
  return mapping as Extract<TraceMapping, { format: F }>;
}
