"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useEffect, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes } from "@/app/_lib/format/format";
import { useTRPC, useTRPCClient } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import type { MethodName } from "@/contracts/records/episode";
import type { PathFile } from "./dropped-files";
import { ImportParts, type PartState } from "./import-parts";
import { DEFAULT_SETTINGS, ImportSettingsFields, type ImportSettings } from "./import-settings";
import { readFolder, type ReadFolder } from "./read-folder";

interface FilesRead {
  done: number;
  total: number;
}

/** Reads a folder, says what of it was recognised and what not, and imports it part by part. */
export function ImportFolder({ files }: { files: Promise<PathFile[]> }) {
  const t = useText();
  const trpc = useTRPC();
  const client = useTRPCClient();
  const queryClient = useQueryClient();
  const [read, setRead] = useState<FilesRead | null>(null);
  const [folder, setFolder] = useState<ReadFolder | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [states, setStates] = useState<Readonly<Record<number, PartState>>>({});
  const [running, setRunning] = useState(false);
  const [settings, setSettings] = useState(DEFAULT_SETTINGS);
  useEffect(() => {
    let current = true;
    readFolder(t, files, (progress) => current && setRead(progress)).then(
      (result) => current && setFolder(result),
      (error: unknown) =>
        current && setFailure(error instanceof Error ? error : new Error(String(error))),
    );
    return () => void (current = false);
  }, [t, files]);

  if (failure)
    return <ErrorState className="mt-4" title={t("The files could not be read")} error={failure} />;
  if (!folder) return <ReadingProgress read={read} />;

  const set = (part: Partial<ImportSettings>): void =>
    setSettings((last) => ({ ...last, ...part }));
  const open = folder.parts.flatMap((_, i) => (states[i]?.kind === "done" ? [] : [i]));
  const done = folder.parts.length - open.length;
  const failed = Object.values(states).filter(({ kind }) => kind === "failed").length;
  /** One request for each part: a part that fails stops no other, and nothing is imported twice. */
  const importAll = async (): Promise<void> => {
    setRunning(true);
    for (const index of open) {
      const part = folder.parts[index]!;
      setStates((last) => ({ ...last, [index]: { kind: "sending" } }));
      const state = await client.upstream.import
        .mutate({
          files: part.files.map((path) => ({ path, content: folder.contents.get(path)! })),
          method: settings.method === "" ? null : (settings.method as MethodName),
          questions: settings.questions || null,
          corpus: settings.corpus.trim() || "wiki-18",
          generator: settings.generator.trim() || "unknown",
        })
        .then(
          (result): PartState => ({ kind: "done", result }),
          (error: Error): PartState => ({ kind: "failed", reason: error.message }),
        );
      setStates((last) => ({ ...last, [index]: state }));
    }
    setRunning(false);
    await Promise.all(
      [trpc.leaderboard, trpc.runs, trpc.catalogue].map((router) =>
        queryClient.invalidateQueries(router.pathFilter()),
      ),
    );
  };
  return (
    <form
      className="mt-4 space-y-4"
      data-recognised={folder.parts.length}
      onSubmit={(event) => {
        event.preventDefault();
        void importAll();
      }}
    >
      <p className="text-xs text-muted-foreground">
        {t(
          "{files, plural, one {# file} other {# files}}, {bytes}: {parts, plural, one {# part} other {# parts}} recognised{skipped, plural, =0 {} one {, # file not upstream's} other {, # files not upstream's}}{unreadable, plural, =0 {} one {, # file not readable} other {, # files not readable}}.",
          {
            files: folder.contents.size,
            bytes: formatBytes(folder.bytes),
            parts: folder.parts.length,
            skipped: folder.skipped.length,
            unreadable: folder.problems.length,
          },
        )}
      </p>
      <ImportParts
        folder={folder}
        states={states}
        method={settings.method === "" ? null : (settings.method as MethodName)}
      />
      {folder.parts.length > 0 ? (
        <>
          <ImportSettingsFields settings={settings} set={set} />
          <div className="flex flex-wrap items-center justify-end gap-3">
            {running || done > 0 || failed > 0 ? (
              <ImportProgress
                done={done}
                failed={failed}
                parts={folder.parts.length}
                isRunning={running}
              />
            ) : null}
            {open.length > 0 ? (
              <Button type="submit" variant="primary" disabled={running}>
                <Upload />{" "}
                {running
                  ? t("Importing")
                  : failed > 0
                    ? t("Try {open, plural, one {# part} other {# parts}} again", {
                        open: open.length,
                      })
                    : t("Import {open, plural, one {# part} other {# parts}}", {
                        open: open.length,
                      })}
              </Button>
            ) : null}
          </div>
        </>
      ) : null}
    </form>
  );
}

function ReadingProgress({ read }: { read: FilesRead | null }) {
  const t = useText();
  return (
    <div className="mt-4" role="status">
      <p className="mb-1.5 text-xs text-muted-foreground">
        {read
          ? t("Reading {done} of {total, plural, one {# file} other {# files}}", {
              done: read.done,
              total: read.total,
            })
          : t("Looking for files")}
      </p>
      <Progress
        value={read && read.total > 0 ? read.done / read.total : null}
        label={t("Files read")}
      />
    </div>
  );
}

interface ImportProgressProps {
  done: number;
  failed: number;
  parts: number;
  isRunning: boolean;
}

function ImportProgress({ done, failed, parts, isRunning }: ImportProgressProps) {
  const t = useText();
  return (
    <div className="min-w-40 flex-1" role="status">
      <p className="mb-1 text-xs text-muted-foreground">
        {t(
          "{done} of {parts, plural, one {# part} other {# parts}} imported{failed, plural, =0 {} other {, # not}}",
          { done, parts, failed },
        )}
      </p>
      <Progress
        value={done / parts}
        label={t("Parts imported")}
        tone={failed > 0 && !isRunning ? "bad" : "primary"}
      />
    </div>
  );
}
