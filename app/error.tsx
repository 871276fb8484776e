"use client";
import { useEffect } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { isMissingScript, reloadOnce } from "./_lib/format/missing-script";
import { ErrorState } from "./_ui/states";

export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  const t = useText();
  const isMissing = isMissingScript(error);
  useEffect(() => {
    if (isMissing) reloadOnce();
  }, [isMissing]);
  return (
    <ErrorState
      title={t("This page failed to draw")}
      error={error}
      // What failed to load once stays failed until the page is loaded anew.
      onRetry={isMissing ? () => window.location.reload() : reset}
    />
  );
}
