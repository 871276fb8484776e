"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type TraceMappingRow } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { LabelledField, Textarea } from "@/app/_ui/field";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { ErrorState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";

const writeMapping = (mapping: TraceMappingRow["mapping"]): string =>
  JSON.stringify(mapping, null, 2);

type TraceFormat = TraceMappingRow["mapping"]["format"];

/** What somebody typed, and the version that it is a change of. */
interface MappingDraft {
  text: string;
  base: number;
}

/** Shows and changes where the rollouts of a format are read. What was typed stays, whatever is read anew meanwhile. */
export function MappingDialog({ onClose }: { onClose: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.externalRuns.mappings.queryOptions());
  const [format, setFormat] = useState<TraceFormat>("verl");
  const [drafts, setDrafts] = useState<Partial<Record<TraceFormat, MappingDraft>>>({});
  const rows = query.data ?? [];
  const row = rows.find(({ mapping }) => mapping.format === format);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Where rollouts are read")}
      description={t(
        "Dotted places of the lines and spans, tried in order. A change counts for what is sent from then on.",
      )}
    >
      {query.isError && !query.data ? (
        <QueryErrorState title={t("The mappings could not be read")} query={query} />
      ) : null}
      {row === undefined ? (
        <Skeleton className="h-72" />
      ) : (
        <>
          <SegmentedControl
            label={t("Format")}
            value={format}
            options={rows.map(({ mapping }) => mapping.format)}
            text={(one) => one}
            onChange={setFormat}
          />
          <MappingForm
            key={format}
            row={row}
            draft={drafts[format] ?? null}
            onDraft={(draft) =>
              setDrafts((before) => ({ ...before, [format]: draft ?? undefined }))
            }
          />
        </>
      )}
    </Dialog>
  );
}

interface MappingFormProps {
  row: TraceMappingRow;
  /** Null: the stored mapping as it is. */
  draft: MappingDraft | null;
  onDraft: (draft: MappingDraft | null) => void;
}

function MappingForm({ row, draft, onDraft }: MappingFormProps) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [problem, setProblem] = useState<Error | null>(null);
  const stored = writeMapping(row.mapping);
  const text = draft?.text ?? stored;
  const base = draft?.base ?? row.version;
  const isOutdated = base < row.version;
  const write = (next: string): void => onDraft(next === stored ? null : { text: next, base });
  const save = useMutation(
    trpc.externalRuns.saveMapping.mutationOptions({
      onSuccess: async ({ version }) => {
        notify("good", t("Stored as version {version}", { version }));
        onDraft({ text, base: version });
        await queryClient.invalidateQueries(trpc.externalRuns.pathFilter());
        onDraft(null);
      },
    }),
  );
  const submit = (): void => {
    try {
      const mapping = JSON.parse(text) as TraceMappingRow["mapping"];
      setProblem(null);
      save.mutate({ mapping, version: base });
    } catch (error) {
      setProblem(new Error(t("The mapping is not JSON: {why}", { why: (error as Error).message })));
    }
  };
  return (
    <form
      className="mt-3"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <LabelledField
        id="mapping"
        label={t("Mapping")}
        hint={
          row.version === 0
            ? t("As every project begins with it")
            : t("Version {version}, by {by}", { version: row.version, by: row.createdBy ?? "" })
        }
      >
        <Textarea
          id="mapping"
          className="h-72 font-mono text-xs"
          spellCheck={false}
          // Nothing is typed into what is being stored.
          readOnly={save.isPending}
          value={text}
          onChange={(event) => write(event.target.value)}
        />
      </LabelledField>
      {isOutdated ? (
        <div role="status" className="mt-3 text-xs text-warn">
          <p>
            {t(
              "Version {version} was stored by {by} since you began. What you typed is kept here, and is a change of version {base}.",
              { version: row.version, by: row.createdBy ?? "", base },
            )}
          </p>
          <div className="mt-2 flex flex-wrap gap-2">
            <Button size="sm" onClick={() => onDraft(null)}>
              {t("Show the stored one")}
            </Button>
            <Button size="sm" onClick={() => onDraft({ text, base: row.version })}>
              {t("Go on with mine")}
            </Button>
          </div>
        </div>
      ) : null}
      <ErrorState className="mt-3" title={t("Not stored")} error={problem ?? save.error} />
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={() => write(writeMapping(row.initial))}>{t("Begin anew")}</Button>
        <Button
          type="submit"
          variant="primary"
          disabled={save.isPending || isOutdated || text === stored}
        >
          {t("Store as a new version")}
        </Button>
      </div>
    </form>
  );
}
