/** The commands of the guide that neither of the tests runs, with the reason. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  "encoder fetch e5-base-v2": "downloads; its test plays the hub",
  "corpus import wiki-18 --with-index --watch": "downloads; its test plays the hub",
  "corpus import D/wiki-18.jsonl.gz --on-worker --name wiki-18 --no-index":
    "as the import of parts, of one file",
  "index adopt D --corpus wiki-18 --encoder e5-base-v2":
    "writes into the installation's folders; adopt-index.integration.test.ts adopts parts of a folder",
  "questions fetch s3-processed-data": "downloads; its test plays the hub",
  "corpus import medcorp": "downloads; its test plays the hub",
  "launch --preset serve-paper-retriever":
    "wants wiki-18; serving is run with `launch --config retriever.json`",
  "launch --preset serve-paper-generator": "wants vLLM and a GPU; serve-model.test.ts",
  "launch --preset paper-full": "wants GPUs; its configuration is read by its schema",
  "launch --preset search-r1-qwen2.5-3b-ppo": "wants GPUs; its configuration is read by its schema",
  "launch --preset paper-full --set search.protocol=upstream --set reward.scorer=generation-accuracy/upstream --set reward.weights.upstream=1 --set reward.weights.gbr=0 --set rl.topP=0.95 --set rl.adamBeta2=0.999 --set rl.weightDecay=0.01 --set rl.critic.lrWarmupSteps=15":
    "wants GPUs; cli/released-training.test.ts holds its values",
  "model fetch Qwen/Qwen2.5-7B-Instruct": "downloads; model.integration.test.ts plays the hub",
  "model fetch OWNER/NAME": "downloads; model.integration.test.ts plays the hub",
  "checkpoint import FOLDER --name qwen2.5-7b-instruct":
    "writes into the installation's folders; import-model.integration.test.ts",
  "checkpoint import FOLDER --name NAME":
    "writes into the installation's folders; import-model.integration.test.ts",
  "upstream export RUN --out D": "as `upstream export RUN --out FOLDER`",
  "checkpoint export RUN --to FOLDER --format hf":
    "wants a trained run; checkpoint's own tests export one",
};
