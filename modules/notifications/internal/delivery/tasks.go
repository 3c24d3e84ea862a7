package delivery

import "atrium/platform/tasks"

// Handlers are the package's tasks.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{tasks.Job(s.SendPush), tasks.Job(s.SendMail)}
}
