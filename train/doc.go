// Package train trains bridges: it reads a recipe, holds the frozen parts still, and runs the recipe's stages one after another
// with AdamW, checkpoints, validation and a report at the end.
//
// Everything random is a function of the recipe's seed, the stage and the step, so a run that was killed and resumed from its
// last checkpoint ends in the same bytes as one that was not. Nothing that is written into the run's folder knows the time.
//
//	output/
//	  recipe.yaml                 the recipe as resolved, and above it what kernels it began with
//	  metrics.jsonl, curves.svg   losses by step
//	  checkpoint-STAGE-STEP/      the last one, while the run lasts: model and trainer state
//	  best-STAGE-STEP/            where validation was best, while the run lasts
//	  model/                      the result
//	  report.json, report.md      how it does on what was held out
package train
