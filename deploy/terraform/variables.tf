variable "function_name" {
  description = "Name of the function. A name such as rota-postgres also names the rotator."
  type        = string
  default     = "rota-rotation"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,40}$", var.function_name))
    error_message = "function_name has 1 to 40 letters, digits, - and _."
  }
}

variable "zip_file" {
  description = "The zip that make lambda built: dist/rota-lambda-arm64.zip or dist/rota-lambda-x86_64.zip."
  type        = string
}

variable "architecture" {
  description = "arm64 or x86_64; it must be that of zip_file."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is arm64 or x86_64."
  }
}

variable "allow_rotators" {
  description = "Rotators that may be used, for example [\"postgres\"]. \"*\" is all."
  type        = list(string)
}

variable "allow_hosts" {
  description = "Hosts that may be connected to, for example [\"*.rds.amazonaws.com\", \"api.example.com\"]. \"*\" is all."
  type        = list(string)
}

variable "admin_secrets" {
  description = "The admin secrets that may be used, by name: ARN. A name may hold * for any text, an ARN for its last six characters."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "The customer managed key of the secrets, if they have one."
  type        = string
  default     = null
}

variable "environment" {
  description = "More variables of the function: defaults of settings, such as { ROTA_EXPIRE = \"after 12h\" }."
  type        = map(string)
  default     = {}
}

variable "timeout" {
  description = "Seconds for one step. An ending comes this much later than the rotation at the earliest."
  type        = number
  default     = 120

  validation {
    condition     = var.timeout >= 30 && var.timeout <= 900
    error_message = "timeout is 30 to 900 seconds."
  }
}

variable "memory_size" {
  description = "Megabytes."
  type        = number
  default     = 256
}

variable "log_retention_days" {
  description = "How long the function's log is kept."
  type        = number
  default     = 90
}

variable "vpc" {
  description = "Private subnets and security groups, where databases are only reached from inside a VPC. The subnets need a way to Secrets Manager and Scheduler."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "alarm_topic_arn" {
  description = "SNS topic that the alarms tell."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that is made."
  type        = map(string)
  default     = {}
}
