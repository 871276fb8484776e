/** Everything that set-up does, in order. */
import { chromiumStep, pageStep, postgresStep, prismaStep } from "./application.mjs";
import { atlasStep } from "./data.mjs";
import { faissStep } from "./faiss.mjs";
import { countNvidiaGpus, listMachineRequirements } from "./machine.mjs";
import { encoderStep, languageModelStep } from "./models.mjs";
import { npmStep, pythonRayStep, pythonStep, pythonTestStep, venvStep } from "./packages.mjs";
import { StepError } from "./step.mjs";

/** First of all: is this machine able to? Nothing is installed before this says yes. */
const machineStep = {
  id: "machine",
  name: "Requirements of the machine",
  remedy: "`npm run doctor` prints every requirement and its state.",
  done: () => {
    if (npmStep.done() === true && venvStep.done() === true) return true;
    return listMachineProblems().length === 0 || "something is missing";
  },
  run: () => {
    const problems = listMachineProblems();
    return Promise.reject(
      new StepError(
        problems
          .map(({ name, state, found }) => `${name} is ${state} (found: ${found})`)
          .join("; "),
        problems.map(({ remedy }) => remedy).join("; "),
      ),
    );
  },
};

const listMachineProblems = () =>
  listMachineRequirements({ isInstalled: pythonStep.done() === true }).filter(
    ({ state }) => state !== "ok",
  );

/**
 * @param {{ forTests: boolean, forDevelopment: boolean, withRay: boolean }} purpose `withRay`: Ray is asked for by name
 * @returns {import("./step.mjs").Step[]}
 */
export function listSteps({ forTests, forDevelopment, withRay }) {
  return [
    machineStep,
    npmStep,
    faissStep,
    postgresStep,
    venvStep,
    pythonStep,
    ...(forTests || withRay || countNvidiaGpus() > 1 ? [pythonRayStep] : []),
    languageModelStep,
    encoderStep,
    atlasStep,
    prismaStep,
    ...(forDevelopment ? [] : [pageStep]),
    ...(forTests ? [pythonTestStep, chromiumStep] : []),
  ];
}
