package listing

import (
	"time"

	"atrium/platform/tasks"
)

// ForgetWords forgets those of the words that nothing on sale has any more.
type ForgetWords struct {
	Words []string `json:"words"`
}

// TaskName is the task's name on the wire.
func (ForgetWords) TaskName() string { return "products.forget_words" }

// Handlers are the module's own task.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{tasks.Job(s.ForgetWords, tasks.Queue("low"))}
}

// Schedules folds what builds before have written, and looks once a day at all words.
func Schedules(f *Folder, s *Service) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "products.fold_listings", Every: time.Minute, Run: f.FoldAll},
		{Name: "products.forget_all_words", Every: 24 * time.Hour, Run: s.ForgetAllWords},
	}
}
