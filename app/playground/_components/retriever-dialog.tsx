"use client";
import { zodResolver } from "@hookform/resolvers/zod";
import { FormProvider, useForm } from "react-hook-form";
import { z } from "zod";
import { listSettingGroups } from "@/core/run/settings";
import { useText } from "@/app/_i18n/text-provider";
import { RETRIEVER_PRESETS } from "@/app/_lib/config/retriever-presets";
import { SettingGroupCard } from "@/app/_settings/setting-group-card";
import type { Draft } from "@/app/_settings/draft";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { retrieverSchema, type RetrieverConfig } from "@/contracts/run-config/retriever";

const formSchema = z.object({ retriever: retrieverSchema });
/** The schema parses anything; here its input is typed as what the form holds. */
const draftSchema = formSchema as unknown as z.ZodType<z.output<typeof formSchema>, Draft>;
/** The same settings as on the New run page, from the same descriptions. */
const GROUP = listSettingGroups("evaluate").find((group) => group.id === "retriever");

interface RetrieverDialogProps {
  title: string;
  start: RetrieverConfig;
  onClose: () => void;
  onApply: (config: RetrieverConfig) => void;
}

/** Changes the settings of a column's retriever. */
export function RetrieverDialog({ title, start, onClose, onApply }: RetrieverDialogProps) {
  const t = useText();
  const form = useForm<Draft, unknown, z.output<typeof formSchema>>({
    resolver: zodResolver(draftSchema),
    mode: "onChange",
    defaultValues: { retriever: structuredClone(start) },
  });
  const submit = form.handleSubmit(({ retriever }) => onApply(retriever));
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={title} className="max-w-3xl">
      <FormProvider {...form}>
        <div className="mb-3 flex flex-wrap gap-1.5" role="group" aria-label={t("Presets")}>
          {RETRIEVER_PRESETS.map((preset) => (
            <Button
              key={preset.label}
              size="sm"
              onClick={() => form.reset({ retriever: structuredClone(preset.config) })}
            >
              {t(preset.label)}
            </Button>
          ))}
        </div>
        <form
          onSubmit={(e) => {
            e.preventDefault();
            void submit(e);
          }}
          noValidate
        >
          {GROUP ? <SettingGroupCard group={GROUP} /> : null}
          <div className="mt-4 flex justify-end gap-2">
            <Button onClick={onClose}>{t("Cancel")}</Button>
            <Button type="submit" variant="primary">
              {t("Apply")}
            </Button>
          </div>
        </form>
      </FormProvider>
    </Dialog>
  );
}
