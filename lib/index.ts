// The public door: named re-exports and nothing else.

export { train } from './train/train.js';
export type { TrainOptions } from './train/train.js';
export type { Run, TrainResult } from './train/run.js';
export type { Config, ConfigInput } from './train/config/schema.js';
export { checkConfig, parseConfig, readConfig } from './train/config/parse.js';
export type {
  CheckpointEvent, DiagnosisEvent, EndEvent, Estimate, Evidence, PauseEvent, PhaseEvent, ProbeLoss, Remedy, RowSpread, Sink, SliceLoss, StartEvent, StepEvent, TrainEvent, ValidationEvent, Verdict, WarningEvent,
} from './track/events.js';
export { ConsoleLog } from './track/console.js';
export { terminalOf } from './track/terminal.js';
export { drawCurve } from './track/curve.js';
export { readMetrics } from './track/metrics.js';
export type { Metric } from './track/metrics.js';

export { loadParts, openParts, resolveDevice } from './train/open.js';
export type { Limits, Opened, Parts, PartsOptions } from './train/open.js';
export { encodeRows } from './train/rows.js';
export type { Rows, RowsOptions } from './train/rows.js';
export { onePass, rowPass } from './train/data.js';
export { evaluateLoss } from './eval/perplexity.js';
export type { EvaluateOptions, LossReport } from './eval/perplexity.js';
export { stridedPerplexity } from './eval/strided.js';
export type { StridedOptions, StridedReport } from './eval/strided.js';
export { divergence, klOfLogits } from './eval/divergence.js';
export type { Divergence, DivergenceOptions } from './eval/divergence.js';
export { change, measure } from './eval/measure.js';
export type { Change, Groups, Measure, MeasureOptions, PassBatch, RowLoss, SliceMeasure, Slicing } from './eval/measure.js';
export { checkLedger, readSeal, sealRows, sharedRows } from './eval/sealed.js';
export type { LedgerState, Sealed, SealHeader, SealOptions } from './eval/sealed.js';
export { readLedger } from './track/ledger.js';
export type { Ledger, LedgerEntry } from './track/ledger.js';
export { finalEvaluate, testUses } from './train/final.js';
export type { FinalOptions, FinalReport } from './train/final.js';
export { diagnose, LIMITS } from './train/diagnose.js';
export type { Finding } from './train/diagnose.js';
export { Look } from './train/diagnose-look.js';
export { rowHistories } from './train/dynamics.js';
export type { RowHistory } from './train/dynamics.js';
export { writeReport } from './train/report/write.js';
export type { ReportOptions, WrittenReport } from './train/report/write.js';
export type { RunReport } from './train/report/collect.js';
export type { CustomMetric, MetricValue } from './train/metric.js';
export { generateText, streamText } from './eval/generate.js';
export type { GeneratedText, GenerateOptions, Prompt, TextPiece } from './eval/generate.js';
export { constrain, satisfies } from './eval/constrain/constraint.js';
export type { Constraint, ConstrainOptions } from './eval/constrain/constraint.js';
export type { JsonSchema } from './eval/constrain/json-schema.js';
export type { TokenConstraint } from './eval/constrain/masks.js';
export { askFacts, scoreFacts } from './eval/answers/facts.js';
export type { FactOptions, FactReport, FactResult, FactRow } from './eval/answers/facts.js';
export { finalNumber, numbersAgree, parseNumber } from './eval/answers/numbers.js';
export { openEndpoint } from './eval/judge/endpoint.js';
export type { Endpoint, EndpointOptions } from './eval/judge/endpoint.js';
export { judgePairs } from './eval/judge/judge.js';
export type { Judge, JudgedPair, JudgeOptions, JudgeReport, PairVerdict } from './eval/judge/judge.js';
export { checkTask, readTask } from './eval/tasks/config.js';
export type { TaskConfig } from './eval/tasks/config.js';
export type { TaskChat } from './eval/tasks/chat.js';
export { openTasks } from './eval/tasks/groups.js';
export type { OpenedTasks, TaskGroup } from './eval/tasks/groups.js';
export { scoreGroup } from './eval/tasks/group-scores.js';
export type { GroupReport } from './eval/tasks/group-scores.js';
export { loadOwnCode } from './eval/tasks/own-code.js';
export { sessionModel } from './eval/tasks/model.js';
export type { TaskModel } from './eval/tasks/model.js';
export { taskRoom } from './eval/tasks/open.js';
export { runTask } from './eval/tasks/run.js';
export type { RunTaskOptions, TaskReport, TaskSample, TaskScore } from './eval/tasks/run.js';
export type { CustomMetric as TaskMetric } from './eval/tasks/metrics.js';
export { readProblems } from './eval/code/problems.js';
export type { CodeProblem } from './eval/code/problems.js';
export { openSandbox, readSamples, runSamples } from './eval/code/evaluate.js';
export type { CodeResult, CodeSample, RunSamplesOptions, SandboxChoice } from './eval/code/evaluate.js';
export { runProgram } from './eval/sandbox/languages.js';
export type { Language, ProgramResult } from './eval/sandbox/languages.js';
export { scheduleFactor } from './train/schedule.js';
export type { ScheduleName, ScheduleOptions } from './train/schedule.js';

export { loadModel } from './model/load.js';
export type { LoadedModel } from './model/load.js';
export { TextTokenizer } from './text/tokenizer.js';
export { ChatTemplate, loadChatTemplate } from './text/chat-template.js';
export { openDataset } from './pack/dataset.js';
export type { Dataset, DatasetOptions } from './pack/dataset.js';
export { BatchPlan } from './pack/plan.js';
export { collate } from './pack/collate.js';

export { openSource } from './data/source.js';
export type { RawRow, Source } from './data/source.js';
export { clean } from './curate/clean.js';
export type { CleanOptions, CleanReport, RemovedRow } from './curate/clean.js';
export { undoClean } from './curate/undo.js';
export { examine } from './curate/examine.js';
export type { ExamineOptions, Examination } from './curate/examine.js';
export { curateConfig } from './curate/curate-config.js';
export type { CurateConfig } from './curate/curate-config.js';
export { c4Lines } from './curate/c4-lines.js';
export { judgeQuality } from './curate/quality.js';
export type { QualityFilter, QualityLimits } from './curate/quality.js';
export { printRuns } from './curate/run-prints.js';
export { seenRows } from './curate/seen.js';
export type { SeenOptions, SeenRow } from './curate/seen.js';
export { Decontaminator } from './curate/decontaminate.js';
export { findPii } from './curate/pii/detect.js';
export { Pseudonyms } from './curate/pii/pseudonyms.js';
export { languageOf } from './curate/language.js';
export { nearDuplicateClusters } from './curate/near-duplicates.js';
export type { Clusters, NearDuplicateOptions } from './curate/near-duplicates.js';
export { splitFiles } from './curate/split-files.js';
export type { SplitFilesOptions, SplitRecord } from './curate/split-files.js';
export type { WrittenPart } from './curate/row-writer.js';
export { planSplit } from './curate/split-plan.js';
export type { SplitOptions, SplitPlan, SplitReport } from './curate/split-plan.js';
export type { Part, SplitShares } from './curate/split.js';

export { selectRows, writeSelection } from './train/select/select.js';
export type { SelectOptions, Selection, SelectRecord } from './train/select/select.js';
export { scoreRows } from './train/select/score.js';
export type { ScoreOptions } from './train/select/score.js';
export type { RowScore } from './train/select/score-file.js';
export { runTrials, sharesOf } from './train/select/trials.js';
export type { NamedTrial, Subset, TrialsOptions } from './train/select/trials.js';
export { advise, fitCurve } from './curate/learning-curve.js';
export type { Advice, Curve, CurvePoint } from './curate/learning-curve.js';

export { profileData } from './curate/profile.js';
export type { Profile, ProfileOptions } from './curate/profile.js';
export { frontMatter, writeCard } from './curate/card.js';
export type { CardOptions } from './curate/card.js';
export { writeReport as writeDataReport } from './curate/report.js';
export { findLineage } from './curate/lineage.js';
export type { Lineage, LineageFile, LineageStep } from './curate/lineage.js';

export { devices } from './engine/devices.js';
export { openSession } from './engine/session.js';
export type {
  AdapterModule, AdapterOptions, AdapterState, Cancellable, DeviceInfo, Evaluation, GenerateSequence, GenerateStep, Generation, Session,
  SessionOptions, SlotLoss, UpdateReport, UpdateRule,
} from './engine/types.js';
export type { AdapterSlot, Batch, Segment, Sequence } from './batch.js';
export type { HostTensor, ModelSpec, Projection, RopeSpec, TensorName, TensorSource } from './tensors.js';

export { readAdapter, writeAdapter } from './checkpoint/adapter.js';
export type { LoadedAdapter, WriteAdapterOptions } from './checkpoint/adapter.js';
export { resolveTargets } from './checkpoint/targets.js';
export type { LoraConfig } from './checkpoint/targets.js';
export { mergeAdapter } from './checkpoint/merge.js';

export { EngineError, isEngineError } from './errors.js';
export type { EngineErrorCode, EngineErrorDetails, MemoryLine } from './errors.js';

export * as score from './score/index.js';
