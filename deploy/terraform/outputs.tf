output "function_arn" {
  description = "For aws_secretsmanager_secret_rotation, as its rotation_lambda_arn."
  value       = aws_lambda_function.rota.arn

  # Rotation is refused before Secrets Manager may invoke the function.
  depends_on = [aws_lambda_permission.secrets_manager]
}

output "dead_letter_queue_url" {
  description = "The queue of events that failed for good."
  value       = aws_sqs_queue.dead_letters.url
}
