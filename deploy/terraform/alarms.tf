locals {
  # Metrics of rota itself. The function looks once an hour for what is
  # overdue: where it is silent about that, that is trouble too.
  alarms = {
    RotationFailed  = { text = "A rotation fails. The log of the function says why; Secrets Manager tries again by itself.", statistic = "Sum", period = 3600, missing = "notBreaching" }
    RotationOverdue = { text = "A secret was not rotated in time. rota doctor --aws says which, and what to run.", statistic = "Maximum", period = 7200, missing = "breaching" }
    EndingOverdue   = { text = "An old credential is not proven dead. rota doctor --aws says which, and what to run.", statistic = "Maximum", period = 7200, missing = "breaching" }
    EndingNotProven = { text = "An old credential could not be proven dead. The log of the function says why.", statistic = "Sum", period = 3600, missing = "notBreaching" }
  }
  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "rota" {
  for_each = local.alarms

  alarm_name          = "${var.function_name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "rota"
  metric_name         = each.key
  dimensions          = { FunctionName = var.function_name }
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = each.value.missing
  alarm_actions       = local.alarm_actions
  tags                = var.tags
}

# What no process of rota could tell: time-outs, a function that does not start.
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.function_name}-Errors"
  alarm_description   = "The function fails, also where it cannot say so itself."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = var.function_name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.function_name}-DeadLetters"
  alarm_description   = "An event that ends a credential failed for good and is in the dead-letter queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  tags                = var.tags
}
