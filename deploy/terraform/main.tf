terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.32"
    }
  }
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name

  # Written out, so that the role need not wait for the function.
  function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.function_name}"
}

resource "aws_lambda_function" "rota" {
  function_name    = var.function_name
  description      = "Rotates secrets, and ends the old credentials"
  filename         = var.zip_file
  source_code_hash = filebase64sha256(var.zip_file)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  timeout          = var.timeout
  memory_size      = var.memory_size
  role             = aws_iam_role.function.arn
  tags             = var.tags

  environment {
    variables = merge(var.environment, {
      ROTA_ALLOW_ROTATORS      = join(" ", var.allow_rotators)
      ROTA_ALLOW_HOSTS         = join(" ", var.allow_hosts)
      ROTA_ALLOW_ADMIN_SECRETS = join(" ", keys(var.admin_secrets))
      ROTA_SCHEDULER_ROLE_ARN  = aws_iam_role.scheduler.arn
      ROTA_SCHEDULER_GROUP     = aws_scheduler_schedule_group.rota.name
      ROTA_DEAD_LETTER_ARN     = aws_sqs_queue.dead_letters.arn
    })
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead_letters.arn
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.rota.name
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.function]
}

# Secrets Manager checks this when RotateSecret names the function.
resource "aws_lambda_permission" "secrets_manager" {
  function_name  = aws_lambda_function.rota.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

resource "aws_cloudwatch_log_group" "rota" {
  name              = "/aws/lambda/${var.function_name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.function_name}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_scheduler_schedule_group" "rota" {
  name = var.function_name
  tags = var.tags
}

# Once an hour the function looks for what did not happen.
resource "aws_scheduler_schedule" "doctor" {
  name                = "doctor"
  description         = "rota looks for overdue endings and rotations"
  group_name          = aws_scheduler_schedule_group.rota.name
  schedule_expression = "rate(1 hour)"

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 15
  }

  target {
    arn      = aws_lambda_function.rota.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ Step = "doctor" })
  }
}
