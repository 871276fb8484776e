"use client";
import { useText } from "@/app/_i18n/text-provider";
import { Skeleton } from "@/app/_ui/states";
import { documentsResultSchema } from "@/contracts/worker-protocol/search-results";
import { Passage } from "./passage";

/** What a worker found under an id. */
export function FoundPassages({ result, id }: { result: unknown; id: string }) {
  const t = useText();
  const found = documentsResultSchema.safeParse(result).data?.documents;
  if (found === undefined) return <Skeleton className="m-4 h-16" />;
  if (found.length > 0)
    return found.map((passage) => <Passage key={passage.id} passage={passage} />);
  return (
    <p className="px-4 pb-3 text-xs" role="status">
      {t("The corpus has no passage with the id “{id}”. Clear the field to see samples.", { id })}
    </p>
  );
}
